package recall

import (
	"encoding/binary"
	"math"

	"github.com/raven-memory/raven/core"
)

// Vectors of a stretch of a conversation are stored as
//
//	format u8 | model's name by length | dimensions | how many, each
//	          number, as its distance from the one before | scale f32 | numbers, one byte a dimension, unless the scale is 0
//
// Numbers are varints.
const vectorsFormat = 1

func encodeVectors(model core.EmbeddingModel, list []embedded) []byte {
	out := appendString([]byte{vectorsFormat}, model.Name)
	out = binary.AppendUvarint(out, uint64(model.Dimensions)) //nolint:gosec // never negative
	out = binary.AppendUvarint(out, uint64(len(list)))
	last := int64(0)
	for _, e := range list {
		out = binary.AppendUvarint(out, uint64(e.number-last)) //nolint:gosec // ascending
		last = e.number
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(e.vector.scale))
		if e.vector.scale != 0 {
			out = append(out, e.vector.values...)
		}
	}
	return out
}

// decodeVectors reads what encodeVectors made; ok is false for anything else.
func decodeVectors(data []byte) (model core.EmbeddingModel, list []embedded, ok bool) {
	r := &decoder{rest: data}
	if r.byte() != vectorsFormat {
		return model, nil, false
	}
	model.Name = string(r.bytes())
	dimensions := r.uvarint()
	if dimensions > core.MaxEmbedDimensions {
		return model, nil, false
	}
	model.Dimensions = int(dimensions)
	number := int64(0)
	for range r.count(1 + 4) {
		number += int64(r.uvarint()) //nolint:gosec // what it becomes is looked for, and not found
		e := embedded{number: number}
		if scale := r.take(4); scale != nil {
			e.vector.scale = math.Float32frombits(binary.LittleEndian.Uint32(scale))
		}
		if e.vector.scale != 0 {
			e.vector.values = r.take(dimensions)
		}
		list = append(list, e)
	}
	return model, list, !r.failed && len(r.rest) == 0
}
