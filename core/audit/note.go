package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Notes are signed as c2sp.org/signed-note says, by Ed25519 keys (type 1).

const (
	noteEd25519   = 1
	noteSignature = "— "
	maxNoteBytes  = 64 << 10
)

var errNote = errors.New("audit: this is not a signed note")

// Signer signs checkpoints.
type Signer struct {
	name string
	key  ed25519.PrivateKey
}

// NewSigner makes a signer of the deployment's secret for it, 32 bytes, so that
// every node has the same. deployment is the deployment's id.
func NewSigner(deployment string, secret []byte) (*Signer, error) {
	if len(secret) != ed25519.SeedSize || deployment == "" {
		return nil, errors.New("audit: the signing key's secret has not 32 bytes")
	}
	return &Signer{name: "raven/" + deployment, key: ed25519.NewKeyFromSeed(secret)}, nil
}

// Key is what the signer's notes are verified by.
func (s *Signer) Key() PublicKey {
	return PublicKey{Name: s.name, Key: s.key.Public().(ed25519.PublicKey)} //nolint:forcetypeassert // of an Ed25519 key
}

// sign signs a text that ends in a line break.
func (s *Signer) sign(text string) []byte {
	sig := binary.BigEndian.AppendUint32(nil, s.Key().id())
	sig = append(sig, ed25519.Sign(s.key, []byte(text))...)
	return []byte(text + "\n" + noteSignature + s.name + " " + base64.StdEncoding.EncodeToString(sig) + "\n")
}

// PublicKey verifies notes.
type PublicKey struct {
	Name string
	Key  ed25519.PublicKey
}

// id is the key's as signatures show it.
func (k PublicKey) id() uint32 {
	h := sha256.New()
	h.Write([]byte(k.Name + "\n"))
	h.Write(k.typed())
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func (k PublicKey) typed() []byte { return append([]byte{noteEd25519}, k.Key...) }

// String is the key as c2sp.org/signed-note writes it: name, id, key.
func (k PublicKey) String() string {
	id := hex.EncodeToString(binary.BigEndian.AppendUint32(nil, k.id()))
	return k.Name + "+" + id + "+" + base64.StdEncoding.EncodeToString(k.typed())
}

// ParsePublicKey reads what String writes.
func ParsePublicKey(text string) (PublicKey, error) {
	bad := errors.New("audit: this is not a verifier key; it reads name+id+key, as raven audit pubkey prints it")
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "+")
	id, encoded, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != noteEd25519 || !noteName(name) {
		return PublicKey{}, bad
	}
	k := PublicKey{Name: name, Key: raw[1:]}
	if n, err := strconv.ParseUint(id, 16, 32); err != nil || len(id) != 8 || n != uint64(k.id()) {
		return PublicKey{}, bad
	}
	return k, nil
}

func noteName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsAny(name, "+ \t\r\n")
}

// open gives the text of a note that the key signed; other signatures in it are
// passed over.
func (k PublicKey) open(note []byte) (text string, err error) {
	body, signatures, err := splitNote(note)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(signatures) {
		name, encoded, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, noteSignature), "\n"), " ")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(raw) < 5 || !noteName(name) {
			return "", errNote
		}
		if name != k.Name || binary.BigEndian.Uint32(raw) != k.id() {
			continue
		}
		if len(k.Key) != ed25519.PublicKeySize || !ed25519.Verify(k.Key, []byte(body), raw[4:]) {
			return "", errors.New("audit: the note's signature does not fit its text")
		}
		return body, nil
	}
	return "", fmt.Errorf("audit: the note is not signed by %s", k)
}

// splitNote cuts a note into its text, with the last line's break, and its
// signature lines.
func splitNote(note []byte) (text, signatures string, err error) {
	at := bytes.LastIndex(note, []byte("\n\n"))
	if len(note) > maxNoteBytes || at < 0 || !utf8.Valid(note) || note[len(note)-1] != '\n' {
		return "", "", errNote
	}
	text, signatures = string(note[:at+1]), string(note[at+2:])
	if signatures == "" {
		return "", "", errNote
	}
	for line := range strings.Lines(signatures) {
		if !strings.HasPrefix(line, noteSignature) {
			return "", "", errNote
		}
	}
	for _, r := range string(note) {
		if r < ' ' && r != '\n' {
			return "", "", errNote
		}
	}
	return text, signatures, nil
}

// Notes splits a file into the notes in it. What stands around them is an error.
func Notes(file []byte) ([][]byte, error) {
	var notes [][]byte
	var note []byte
	signed := false
	for line := range bytes.Lines(bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))) {
		isSignature := bytes.HasPrefix(line, []byte(noteSignature))
		if signed && !isSignature {
			notes, note, signed = append(notes, note), nil, false
		}
		if len(note) == 0 && len(bytes.TrimSpace(line)) == 0 {
			continue // between notes
		}
		if !bytes.HasSuffix(line, []byte("\n")) {
			line = append(bytes.Clone(line), '\n')
		}
		note = append(note, line...)
		signed = isSignature
	}
	if len(note) > 0 {
		notes = append(notes, note)
	}
	for _, n := range notes {
		if _, _, err := splitNote(n); err != nil {
			return nil, err
		}
	}
	if len(notes) == 0 {
		return nil, errNote
	}
	return notes, nil
}
