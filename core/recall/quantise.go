package recall

import (
	"encoding/binary"
	"math"
)

// A vector is kept as a number of seven bits with its sign for each dimension
// and one scale: the direction is all that counts, and of that they change the
// cosine by about a thousandth. They are stored with an offset, so that they
// are positive.
const (
	quantum       = 63 // the greatest number
	quantumOffset = 64
	// lane is how many dimensions one step of a product takes; vectors are padded
	// to a multiple of it.
	lane = 8
)

// quantised is a vector of unit length. The zero value is none.
type quantised struct {
	values []byte  // each with the offset
	scale  float32 // what a number of 1 is worth
}

// quantise gives the direction of a vector; none for one without a direction.
func quantise(v []float32) quantised {
	length, greatest := 0.0, 0.0
	for _, x := range v {
		length += float64(x) * float64(x)
		greatest = max(greatest, math.Abs(float64(x)))
	}
	if greatest == 0 || math.IsInf(length, 0) {
		return quantised{}
	}
	q := quantised{values: make([]byte, len(v)), scale: float32(greatest / quantum / math.Sqrt(length))}
	for i, x := range v {
		q.values[i] = byte(math.Round(float64(x)/greatest*quantum) + quantumOffset)
	}
	return q
}

func stride(dimensions int) int { return (dimensions + lane - 1) / lane * lane }

// probe is a vector made ready for many products.
type probe struct {
	dimensions int
	even, odd  []uint64
	scale      float64
	offset     int64 // what the offsets add to each product, but for that of the other's numbers
}

func newProbe(q quantised) *probe {
	p := &probe{dimensions: len(q.values), scale: float64(q.scale)}
	padded := make([]byte, stride(len(q.values)))
	for i := range padded {
		padded[i] = quantumOffset
	}
	copy(padded, q.values)
	for at := 0; at < len(padded); at += lane {
		var even, odd uint64
		for i := 0; i < lane; i += 2 {
			even = even<<16 | uint64(padded[at+i])
			odd = odd<<16 | uint64(padded[at+i+1])
		}
		// The first of four is now the highest, opposite to its counterpart.
		p.even, p.odd = append(p.even, even), append(p.odd, odd)
	}
	for _, u := range padded {
		p.offset += quantumOffset * (int64(u) - quantumOffset)
	}
	return p
}

// product is the scalar product with the numbers of another vector, padded, whose
// sum is known.
//
// It works on eight bytes at a time in the registers that every machine has:
// four numbers of seven bits in the lanes of one word, multiplied with four in
// the opposite order, give the sum of their products in the topmost lane, and
// the lanes below never carry into it (4 × 127² < 2¹⁶).
func (p *probe) product(v []byte, sum int64) float64 {
	const lanes = 0x00ff00ff00ff00ff
	var total uint64
	even, odd := p.even, p.odd[:len(p.even)]
	v = v[:len(even)*lane]
	for i := range even {
		w := binary.LittleEndian.Uint64(v[i*lane:])
		total += ((w&lanes)*even[i])>>48 + ((w>>8&lanes)*odd[i])>>48
	}
	return float64(int64(total)-quantumOffset*sum-p.offset) * p.scale
}
