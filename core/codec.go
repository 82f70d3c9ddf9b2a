package core

import (
	"encoding/binary"
	"errors"
	"time"
)

// The sealed form of interactions: a format byte, then for each interaction
// its fields in a fixed order, numbers as varints, text prefixed by its length.
// It is what is encrypted, so its reader has met only authenticated bytes; it
// checks every length all the same.

const codecFormat = 1

// ErrMalformed says that opened bytes are not what EncodeInteractions makes.
var ErrMalformed = errors.New("core: malformed interactions")

// EncodeInteractions gives the bytes to seal. Conversation and Blob are not in
// them; they are part of the place.
func EncodeInteractions(list []Interaction) []byte {
	size := 2
	for i := range list {
		size += 96 + len(list[i].Content) + len(list[i].Name) + len(list[i].Metadata)
	}
	out := append(make([]byte, 0, size), codecFormat)
	out = binary.AppendUvarint(out, uint64(len(list)))
	for i := range list {
		out = appendInteraction(out, &list[i])
	}
	return out
}

func appendInteraction(out []byte, in *Interaction) []byte {
	out = appendString(out, string(in.ID))
	out = binary.AppendVarint(out, in.Number)
	out = appendString(out, string(in.Role))
	out = appendString(out, in.Name)
	out = appendString(out, in.Content)
	out = appendString(out, string(in.Metadata))
	out = binary.AppendVarint(out, in.OccurredAt.UnixMilli())
	return binary.AppendVarint(out, in.AcceptedAt.UnixMilli())
}

func appendString(out []byte, s string) []byte {
	out = binary.AppendUvarint(out, uint64(len(s)))
	return append(out, s...)
}

// DecodeInteractions reads what EncodeInteractions made. The strings do not
// alias b. It fails with ErrMalformed and never panics.
func DecodeInteractions(b []byte) ([]Interaction, error) {
	if len(b) == 0 || b[0] != codecFormat {
		return nil, ErrMalformed
	}
	r := reader{rest: b[1:]}
	n := r.uvarint()
	if n > uint64(len(r.rest)) { // each takes more than a byte
		return nil, ErrMalformed
	}
	list := make([]Interaction, 0, n)
	for range n {
		list = append(list, r.interaction(list))
		if r.bad {
			return nil, ErrMalformed
		}
	}
	if r.bad || len(r.rest) != 0 {
		return nil, ErrMalformed
	}
	return list, nil
}

type reader struct {
	rest []byte
	bad  bool
}

// interaction reads one that comes after those before it.
func (r *reader) interaction(before []Interaction) Interaction {
	return Interaction{
		ID:         InteractionID(r.bytes()),
		Number:     r.varint(),
		Role:       roleOf(r.bytes()),
		Name:       nameOf(r.bytes(), before),
		Content:    string(r.bytes()),
		Metadata:   Metadata(r.bytes()),
		OccurredAt: time.UnixMilli(r.varint()).UTC(),
		AcceptedAt: time.UnixMilli(r.varint()).UTC(),
	}
}

// roleOf and nameOf make no string where there is one: of roles there are few,
// and two who talk take turns.
func roleOf(b []byte) Role {
	switch string(b) {
	case string(RoleUser):
		return RoleUser
	case string(RoleAssistant):
		return RoleAssistant
	case string(RoleSystem):
		return RoleSystem
	case string(RoleTool):
		return RoleTool
	}
	return Role(b)
}

func nameOf(b []byte, before []Interaction) string {
	for i := max(0, len(before)-2); i < len(before); i++ {
		if string(b) == before[i].Name {
			return before[i].Name
		}
	}
	return string(b)
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	return take(r, v, n)
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	return take(r, v, n)
}

func take[T any](r *reader, v T, n int) T {
	if n <= 0 {
		r.bad, r.rest = true, nil
		var zero T
		return zero
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// Interaction decodes an opened buffer entry.
func (e BufferEntry) Interaction(plain []byte) (Interaction, error) {
	list, err := DecodeInteractions(plain)
	if err != nil || len(list) != 1 || list[0].ID != e.ID {
		return Interaction{}, ErrMalformed
	}
	in := list[0]
	in.Number, in.Conversation = e.Number, e.Conversation
	return in, nil
}

// InteractionsOf decodes an opened blob.
func (b BlobRecord) InteractionsOf(plain []byte) ([]Interaction, error) {
	list, err := DecodeInteractions(plain)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Conversation, list[i].Blob = b.Conversation, b.ID
	}
	return list, nil
}
