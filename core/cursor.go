package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Cursors makes and reads the opaque cursors of lists. A cursor is the
// position after which a list goes on, with a MAC over it, the tenant and the
// list (its path and filters): one of another tenant, list or filter, or a
// changed one, is refused. Safe for concurrent use.
type Cursors struct{ key []byte }

const (
	cursorMAC  = 16
	cursorSize = 8 + cursorMAC
)

// NewCursors takes a secret key of the deployment's, 32 bytes.
func NewCursors(key []byte) *Cursors { return &Cursors{key: append([]byte(nil), key...)} }

// Encode gives the cursor for position in the tenant's list.
func (c *Cursors) Encode(tenant TenantID, list string, position int64) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(position)) //nolint:gosec // a bit pattern
	return base64.RawURLEncoding.EncodeToString(append(raw, c.mac(tenant, list, raw)...))
}

// Decode gives the position back; "" is 0, the start. It fails with
// CodeInvalidCursor.
func (c *Cursors) Decode(tenant TenantID, list, cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != cursorSize || !hmac.Equal(raw[8:], c.mac(tenant, list, raw[:8])) {
		return 0, NewError(CodeInvalidCursor,
			"The cursor is not one that this list gave. Take next_cursor from the page before, with the same filters, or leave it out to start anew.")
	}
	return int64(binary.BigEndian.Uint64(raw)), nil //nolint:gosec // as encoded
}

func (c *Cursors) mac(tenant TenantID, list string, position []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	for _, part := range []string{"raven/cursor/v1", string(tenant), list} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) //nolint:gosec // bounded by the request line
		h.Write([]byte(part))
	}
	h.Write(position)
	return h.Sum(nil)[:cursorMAC]
}
