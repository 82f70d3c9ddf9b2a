package core

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The envelope is the form of everything sealed:
//
//	"RV" 0x01 | suite 0x01 | key version u32be | salt[32] | commitment[32] | nonce[12] ciphertext tag[16]
//
// HKDF-SHA-256 (RFC 5869) of the data key and the salt gives a key for this
// envelope alone and a commitment to it, so that one envelope opens under one
// key only. AES-256-GCM authenticates the header and the place with it.
const (
	// EnvelopeOverhead is how many bytes longer an envelope is than what is in it.
	EnvelopeOverhead = envelopeHeader + 12 + 16
	// EnvelopeKeySize is the size of a key that seals envelopes, in bytes.
	EnvelopeKeySize = 32

	envelopeMagic  = "RV\x01"
	envelopeSalt   = len(envelopeMagic) + 1 + 4 // where the salt starts
	envelopeCommit = envelopeSalt + 32
	envelopeHeader = envelopeCommit + 32

	envelopeSuite = string(rune(SuiteHKDFAESGCM))
	envelopeInfo  = "raven/blob/v1\x00" + envelopeSuite
	envelopeAAD   = "raven/aad/v1"
)

// ErrSealed says that sealed bytes do not open: cut, changed, moved from
// another place or sealed under another key. It never says which.
var ErrSealed = errors.New("core: sealed bytes do not open")

// SealEnvelope seals plaintext for its place. random gives the salt and must
// be cryptographically secure; the nonce is the cipher's own. key has
// EnvelopeKeySize bytes; keyVersion is written in the header, to find it again.
// Nothing handed in is kept.
func SealEnvelope(random io.Reader, key []byte, keyVersion uint32, deployment string, place Place, plaintext []byte) ([]byte, error) {
	out := make([]byte, 0, EnvelopeOverhead+len(plaintext))
	out = append(out, envelopeMagic...)
	out = append(out, SuiteHKDFAESGCM)
	out = binary.BigEndian.AppendUint32(out, keyVersion)
	out = out[:envelopeHeader]
	if _, err := io.ReadFull(random, out[envelopeSalt:envelopeCommit]); err != nil {
		return nil, fmt.Errorf("core: randomness for a salt: %w", err)
	}
	aead, commitment, err := envelopeKeys(key, out[envelopeSalt:envelopeCommit])
	if err != nil {
		return nil, err
	}
	copy(out[envelopeCommit:], commitment)
	//nolint:gosec // the AEAD draws a random nonce of its own; NonceSize is 0
	return aead.Seal(out, nil, plaintext, associatedData(out, deployment, place)), nil
}

// OpenEnvelope gives back what was sealed under the key for the deployment and
// the place. Every failure is ErrSealed.
func OpenEnvelope(key []byte, deployment string, place Place, sealed []byte) ([]byte, error) {
	if _, ok := EnvelopeKeyVersion(sealed); !ok {
		return nil, ErrSealed
	}
	header := sealed[:envelopeHeader]
	aead, commitment, err := envelopeKeys(key, header[envelopeSalt:envelopeCommit])
	if err != nil || subtle.ConstantTimeCompare(commitment, header[envelopeCommit:]) != 1 {
		return nil, ErrSealed
	}
	plaintext, err := aead.Open(nil, nil, sealed[envelopeHeader:], associatedData(header, deployment, place))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// EnvelopeKeyVersion reads the version of the key that sealed an envelope. ok
// is false for what cannot be an envelope; the version is not authenticated
// before the envelope opens.
func EnvelopeKeyVersion(sealed []byte) (version uint32, ok bool) {
	if len(sealed) < EnvelopeOverhead ||
		string(sealed[:len(envelopeMagic)]) != envelopeMagic ||
		sealed[len(envelopeMagic)] != SuiteHKDFAESGCM {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[len(envelopeMagic)+1:]), true
}

// envelopeKeys derives the cipher and the commitment of one envelope.
func envelopeKeys(key, salt []byte) (cipher.AEAD, []byte, error) {
	if len(key) != EnvelopeKeySize {
		return nil, nil, fmt.Errorf("core: a sealing key has %d bytes, not %d", EnvelopeKeySize, len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, salt, envelopeInfo, 64)
	if err != nil {
		return nil, nil, fmt.Errorf("core: derive an envelope's key: %w", err)
	}
	defer clear(derived[:32])
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		return nil, nil, fmt.Errorf("core: AES: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, nil, fmt.Errorf("core: AES-GCM: %w", err)
	}
	return aead, derived[32:], nil
}

// associatedData is the header, then every part of the place after its length:
// no two places give the same bytes.
func associatedData(header []byte, deployment string, p Place) []byte {
	out := make([]byte, 0, 384)
	out = append(out, header...)
	for _, part := range []string{
		envelopeAAD, envelopeSuite, deployment,
		string(p.Tenant), string(p.User), string(p.Kind), p.Record,
	} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part))) //nolint:gosec // ids are short
		out = append(out, part...)
	}
	out = binary.BigEndian.AppendUint32(out, 8)
	return binary.BigEndian.AppendUint64(out, uint64(p.Version)) //nolint:gosec // a bit pattern
}
