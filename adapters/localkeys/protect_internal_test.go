package localkeys

import (
	"testing"
)

// FuzzProtected holds that no text makes a protected keyring be read whose cost is
// out of bounds, or panic.
func FuzzProtected(f *testing.F) {
	const good = protectedFirst + "\nargon2id t=3 m=65536 p=4 salt=AAAAAAAAAAAAAAAAAAAAAA==\nUlYB\n"
	for _, text := range []string{good, protectedFirst, protectedFirst + "\n\n", protectedFirst + "\nargon2id t=4294967296 m=1 p=1 salt=\n", "1:AAAA"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, salt, header, body, err := readProtected(text)
		if err != nil {
			return
		}
		if c.passes < minCost.passes || c.passes > maxCost.passes || c.memory < minCost.memory || c.memory > maxCost.memory ||
			c.lanes < minCost.lanes || c.lanes > maxCost.lanes || len(salt) != saltBytes {
			t.Errorf("%q: cost %+v, a salt of %d bytes", text, c, len(salt))
		}
		if header+body != text && header+body+"\n" != text {
			t.Errorf("%q was taken apart as %q and %q", text, header, body)
		}
	})
}
