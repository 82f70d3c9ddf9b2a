package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/raven-memory/raven/core"
)

// A wrapped key is stored as
//
//	"RVV" 0x01 | data key version u32be | transit key version u32be | commitment[32] | ciphertext
//
// The ciphertext is what Vault gave, without the "vault:vN:" and the base 64,
// of which several forms mean the same. Vault authenticates it with the
// tenant's id, the context that its key is derived from. The commitment is 32
// bytes of HKDF-SHA-256 (RFC 5869) of the data key, over provider, tenant and
// data key version: Vault takes no associated data that a rewrap would carry
// along, and AES-GCM commits to no key. So what Vault opens is only taken for
// the tenant and version that it was made for, whatever Vault's key is.
type wrappedKey struct {
	version    uint32 // of the data key
	transit    uint32 // of the transit key
	commitment [sha256.Size]byte
	ciphertext []byte
}

const (
	wrappedMagic  = "RVV\x01"
	wrappedHeader = len(wrappedMagic) + 4 + 4 + sha256.Size
	commitInfo    = "raven/vault/v1"

	// A ciphertext is longer than the key in it, by a nonce and a tag.
	minCiphertext = core.EnvelopeKeySize + 16
	maxCiphertext = 512
)

var errNotWrapped = errors.New("vault: not a wrapped key of that version")

// parseWrapped reads what bytes gave.
func parseWrapped(stored []byte) (w wrappedKey, ok bool) {
	rest, found := bytes.CutPrefix(stored, []byte(wrappedMagic))
	size := len(stored) - wrappedHeader
	if !found || size < minCiphertext || size > maxCiphertext {
		return w, false
	}
	w.version = binary.BigEndian.Uint32(rest)
	w.transit = binary.BigEndian.Uint32(rest[4:])
	copy(w.commitment[:], rest[8:])
	w.ciphertext = bytes.Clone(stored[wrappedHeader:])
	return w, w.transit > 0 // Vault takes 0 for 1
}

func (w wrappedKey) bytes() []byte {
	out := make([]byte, 0, wrappedHeader+len(w.ciphertext))
	out = append(out, wrappedMagic...)
	out = binary.BigEndian.AppendUint32(out, w.version)
	out = binary.BigEndian.AppendUint32(out, w.transit)
	out = append(out, w.commitment[:]...)
	return append(out, w.ciphertext...)
}

// text is the ciphertext as Vault writes it.
func (w wrappedKey) text() string {
	return fmt.Sprintf("vault:v%d:%s", w.transit, base64.StdEncoding.EncodeToString(w.ciphertext))
}

// setText takes a ciphertext as Vault writes it.
func (w *wrappedKey) setText(text string) error {
	version, encoded, found := strings.Cut(strings.TrimPrefix(text, "vault:v"), ":")
	n, err := strconv.ParseUint(version, 10, 32)
	if err != nil || !found || n == 0 {
		return errors.New("vault: an answer holds no ciphertext")
	}
	w.transit = uint32(n)
	w.ciphertext, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(w.ciphertext) < minCiphertext || len(w.ciphertext) > maxCiphertext {
		return errors.New("vault: an answer's ciphertext is of no known form")
	}
	return nil
}

// commit binds the data key to whom it is for.
func (w *wrappedKey) commit(plain []byte, provider string, tenant core.TenantID) error {
	sum, err := commitment(plain, provider, tenant, w.version)
	copy(w.commitment[:], sum)
	return err
}

// commits reports whether it is this data key, for this tenant.
func (w *wrappedKey) commits(plain []byte, provider string, tenant core.TenantID) bool {
	sum, err := commitment(plain, provider, tenant, w.version)
	return err == nil && subtle.ConstantTimeCompare(sum, w.commitment[:]) == 1
}

// commitment is derived from each part after its length, so that no two uses
// of a data key meet.
func commitment(plain []byte, provider string, tenant core.TenantID, version uint32) ([]byte, error) {
	if len(plain) != core.EnvelopeKeySize {
		return nil, fmt.Errorf("vault: a data key has %d bytes, not %d", core.EnvelopeKeySize, len(plain))
	}
	var info []byte
	for _, part := range []string{commitInfo, provider, string(tenant)} {
		info = binary.BigEndian.AppendUint32(info, uint32(len(part))) //nolint:gosec // ids are short
		info = append(info, part...)
	}
	info = binary.BigEndian.AppendUint32(info, version)
	return hkdf.Key(sha256.New, plain, nil, string(info), sha256.Size)
}
