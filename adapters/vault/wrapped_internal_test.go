package vault

import (
	"bytes"
	"testing"
)

// FuzzWrapped holds that a wrapped key, and a ciphertext of Vault's, have one form
// each, and that nothing else is taken for one.
func FuzzWrapped(f *testing.F) {
	w := wrappedKey{version: 2, transit: 3, ciphertext: bytes.Repeat([]byte{7}, minCiphertext)}
	f.Add(w.bytes(), w.text())
	f.Add([]byte(wrappedMagic), "vault:v1:")
	f.Add([]byte(nil), "vault:v0:AAAA")
	f.Add([]byte(nil), "vault:v4294967296:AAAA")
	f.Fuzz(func(t *testing.T, stored []byte, text string) {
		if w, ok := parseWrapped(stored); ok && !bytes.Equal(w.bytes(), stored) {
			t.Errorf("%x is written %x", stored, w.bytes())
		}
		var w wrappedKey
		if w.setText(text) != nil {
			return
		}
		var again wrappedKey
		if err := again.setText(w.text()); err != nil || again.transit != w.transit || !bytes.Equal(again.ciphertext, w.ciphertext) {
			t.Errorf("%q is written %q, %v", text, w.text(), err)
		}
	})
}
