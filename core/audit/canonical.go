// Package audit makes each tenant's audit log evident of tampering: events in a
// canonical form, chained by hashes and gathered in a tree (RFC 6962), whose
// size and root are signed from time to time; and it verifies all of that.
package audit

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/raven-memory/raven/core"
)

// The canonical form of an event, version 1, is what its leaf hash is over. It
// is these fields, in this order:
//
//	text(canonicalForm) text(Tenant) int(Seq) text(ID) text(Type)
//	int(At in Unix seconds) int(At's nanoseconds) text(Actor.Key) value(Data)
//
// int is 8 bytes, big-endian two's complement. text is the number of its bytes
// as an int, then the bytes. A value is a tag byte and, by tag:
//
//	'n' nothing: null, and the Data of an event that has none
//	'f' 't' false, true
//	'i' int: every whole number that fits
//	'd' 8 bytes, IEEE 754, big-endian: every other number
//	's' text
//	'l' int of how many values, then they
//	'm' int of how many members, then of each text(name) value, by name in byte order
//
// So no two events have the same form, and none is the beginning of another's.
const canonicalForm = "raven/audit/event/v1"

// maxDepth bounds the nesting of an event's data.
const maxDepth = 16

// Canonical gives the bytes that an event's leaf hash is over. It fails for
// data that no event has: of a type that JSON has not, or nested too deep.
func Canonical(e core.Event) ([]byte, error) {
	out := appendText(make([]byte, 0, 256), canonicalForm)
	out = appendText(out, string(e.Tenant))
	out = appendInt(out, e.Seq)
	out = appendText(out, string(e.ID))
	out = appendText(out, string(e.Type))
	out = appendInt(out, e.At.Unix())
	out = appendInt(out, int64(e.At.Nanosecond()))
	out = appendText(out, string(e.Actor.Key))
	if e.Data == nil {
		return append(out, 'n'), nil
	}
	return appendMembers(out, e.Data, maxDepth)
}

func appendInt(out []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(out, uint64(n)) //nolint:gosec // a bit pattern
}

func appendText(out []byte, s string) []byte {
	return append(appendInt(out, int64(len(s))), s...)
}

func appendValue(out []byte, value any, depth int) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(out, 'n'), nil
	case bool:
		if v {
			return append(out, 't'), nil
		}
		return append(out, 'f'), nil
	case int:
		return appendInt(append(out, 'i'), int64(v)), nil
	case int64:
		return appendInt(append(out, 'i'), v), nil
	case float64:
		return appendNumber(out, v), nil
	case string:
		return appendText(append(out, 's'), v), nil
	case []any:
		return appendList(out, v, depth)
	case map[string]any:
		return appendMembers(out, v, depth)
	default:
		return nil, fmt.Errorf("audit: an event's data has a %T", value)
	}
}

// appendNumber writes a whole number as an int, because stores that keep JSON
// give it back as one.
func appendNumber(out []byte, v float64) []byte {
	if v == math.Trunc(v) && v >= math.MinInt64 && v < math.MaxInt64 {
		return appendInt(append(out, 'i'), int64(v))
	}
	return binary.BigEndian.AppendUint64(append(out, 'd'), math.Float64bits(v))
}

func appendList(out []byte, list []any, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, fmt.Errorf("audit: an event's data is nested more than %d deep", maxDepth)
	}
	out = appendInt(append(out, 'l'), int64(len(list)))
	var err error
	for _, v := range list {
		if out, err = appendValue(out, v, depth-1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func appendMembers(out []byte, members map[string]any, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, fmt.Errorf("audit: an event's data is nested more than %d deep", maxDepth)
	}
	out = appendInt(append(out, 'm'), int64(len(members)))
	var err error
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if out, err = appendValue(appendText(out, name), members[name], depth-1); err != nil {
			return nil, err
		}
	}
	return out, nil
}
