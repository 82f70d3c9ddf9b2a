package core_test

import (
	"encoding/base64"
	"math"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestCursorOpensOnlyForItsTenantAndList(t *testing.T) {
	t.Parallel()
	c := core.NewCursors(make([]byte, 32))
	for _, position := range []int64{1, 77, math.MaxInt64, -5} {
		cursor := c.Encode("ten_a", "users", position)
		if got, err := c.Decode("ten_a", "users", cursor); err != nil || got != position {
			t.Fatalf("got %d, %v", got, err)
		}
		for _, other := range [][2]string{{"ten_b", "users"}, {"ten_a", "users/x"}, {"ten_au", "sers"}} {
			if _, err := c.Decode(core.TenantID(other[0]), other[1], cursor); !core.Is(err, core.CodeInvalidCursor) {
				t.Errorf("opens for %v: %v", other, err)
			}
		}
		if _, err := core.NewCursors([]byte("another key of thirty-two bytes.")).Decode("ten_a", "users", cursor); err == nil {
			t.Error("opens under another key")
		}
	}
}

func TestCursorWithAnyBitChangedIsRefused(t *testing.T) {
	t.Parallel()
	c := core.NewCursors(make([]byte, 32))
	raw, err := base64.RawURLEncoding.DecodeString(c.Encode("ten_a", "users", 9))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		if _, err := c.Decode("ten_a", "users", base64.RawURLEncoding.EncodeToString(raw)); err == nil {
			t.Errorf("bit %d may change", bit)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
}

func FuzzCursorDecode(f *testing.F) {
	c := core.NewCursors(make([]byte, 32))
	f.Add(c.Encode("ten_a", "users", 1))
	f.Add("")
	f.Add("AAAA====")
	f.Fuzz(func(t *testing.T, cursor string) {
		position, err := c.Decode("ten_a", "users", cursor)
		if err == nil && cursor != "" && c.Encode("ten_a", "users", position) != cursor {
			t.Errorf("%q is another spelling of a cursor", cursor)
		}
		if err != nil && !core.Is(err, core.CodeInvalidCursor) {
			t.Errorf("%q: %v", cursor, err)
		}
	})
}
