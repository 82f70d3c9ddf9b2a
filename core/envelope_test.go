package core_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

// An envelope made by another implementation (Python's cryptography package):
// key 00…1f, version 7, salt 40…5f, nonce a0…ab.
const (
	knownEnvelope = "5256010100000007404142434445464748494a4b4c4d4e4f5051525354555657" +
		"58595a5b5c5d5e5f3aa149b6953e1d2124093b52a46a5fe5106c91e16c4df5e2" +
		"5cbb8c5cac3c2f8ea0a1a2a3a4a5a6a7a8a9aaabec9048877a872c1847d4ec6f" +
		"00226542571c02e95edffffc1ae225f8da7b6f"
	knownPlaintext  = "the ravens know"
	knownDeployment = "dep_1"
	knownVersion    = 7
)

var knownPlace = core.Place{Tenant: "ten_1", User: "usr_1", Kind: core.KindBlob, Record: "cnv_1/blob_1", Version: 3}

func countingBytes(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func sealed(tb testing.TB, random io.Reader) []byte {
	tb.Helper()
	out, err := core.SealEnvelope(random, countingBytes(0, 32), knownVersion, knownDeployment, knownPlace, []byte(knownPlaintext))
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func mustNotOpen(tb testing.TB, what string, key []byte, deployment string, place core.Place, envelope []byte) {
	tb.Helper()
	plain, err := core.OpenEnvelope(key, deployment, place, envelope)
	if err != core.ErrSealed { //nolint:errorlint // it must be that error and say nothing else
		tb.Errorf("%s: error %v, want ErrSealed itself", what, err)
	}
	if plain != nil {
		tb.Errorf("%s: gave %d bytes", what, len(plain))
	}
}

func TestEnvelopeOfAnotherImplementationOpens(t *testing.T) {
	t.Parallel()
	envelope, _ := hex.DecodeString(knownEnvelope)
	plain, err := core.OpenEnvelope(countingBytes(0, 32), knownDeployment, knownPlace, envelope)
	if err != nil || string(plain) != knownPlaintext {
		t.Fatalf("got %q, %v", plain, err)
	}
}

func TestEnvelopeHeaderIsAsTheFormatSays(t *testing.T) {
	t.Parallel()
	want, _ := hex.DecodeString(knownEnvelope)
	got := sealed(t, bytes.NewReader(countingBytes(0x40, 32)))
	if !bytes.Equal(got[:72], want[:72]) {
		t.Errorf("header\n got %x\nwant %x", got[:72], want[:72])
	}
	if len(got) != core.EnvelopeOverhead+len(knownPlaintext) || core.EnvelopeOverhead != 100 {
		t.Errorf("envelope of %d bytes holds %d", len(got), len(knownPlaintext))
	}
	if version, ok := core.EnvelopeKeyVersion(got); !ok || version != knownVersion {
		t.Errorf("key version %d, %t", version, ok)
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	t.Parallel()
	key := countingBytes(9, 32)
	for _, size := range []int{0, 1, 15, 16, 17, 1 << 10, 1 << 20} {
		plain := make([]byte, size)
		_, _ = rand.Read(plain)
		given := bytes.Clone(plain)
		envelope, err := core.SealEnvelope(rand.Reader, key, 1, "dep", knownPlace, given)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(given, plain) {
			t.Errorf("sealing %d bytes changed the plaintext", size)
		}
		before := bytes.Clone(envelope)
		got, err := core.OpenEnvelope(key, "dep", knownPlace, envelope)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: opened %d, %v", size, len(got), err)
		}
		if !bytes.Equal(envelope, before) {
			t.Errorf("opening %d bytes changed the envelope", size)
		}
	}
}

func TestEnvelopesOfOnePlaintextShareNothing(t *testing.T) {
	t.Parallel()
	a, b := sealed(t, rand.Reader), sealed(t, rand.Reader)
	for name, part := range map[string][2]int{"salt": {8, 40}, "commitment": {40, 72}, "nonce": {72, 84}, "body": {84, 115}} {
		if bytes.Equal(a[part[0]:part[1]], b[part[0]:part[1]]) {
			t.Errorf("two envelopes have the same %s", name)
		}
	}
}

func TestEnvelopeWithAnyBitFlippedDoesNotOpen(t *testing.T) {
	t.Parallel()
	envelope, key := sealed(t, rand.Reader), countingBytes(0, 32)
	for bit := range len(envelope) * 8 {
		envelope[bit/8] ^= 1 << (bit % 8)
		mustNotOpen(t, fmt.Sprintf("bit %d", bit), key, knownDeployment, knownPlace, envelope)
		envelope[bit/8] ^= 1 << (bit % 8)
	}
	for bit := range 256 {
		key[bit/8] ^= 1 << (bit % 8)
		mustNotOpen(t, "key", key, knownDeployment, knownPlace, envelope)
		key[bit/8] ^= 1 << (bit % 8)
	}
	if _, err := core.OpenEnvelope(key, knownDeployment, knownPlace, envelope); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
}

func TestEnvelopeCutOrLengthenedDoesNotOpen(t *testing.T) {
	t.Parallel()
	envelope, key := sealed(t, rand.Reader), countingBytes(0, 32)
	for n := range envelope {
		mustNotOpen(t, "head", key, knownDeployment, knownPlace, envelope[:n])
		mustNotOpen(t, "tail", key, knownDeployment, knownPlace, envelope[len(envelope)-n:])
	}
	mustNotOpen(t, "one more byte", key, knownDeployment, knownPlace, append(bytes.Clone(envelope), 0))
	mustNotOpen(t, "nil", key, knownDeployment, knownPlace, nil)
}

func TestEnvelopeOpensAtItsOwnPlaceOnly(t *testing.T) {
	t.Parallel()
	envelope, key := sealed(t, rand.Reader), countingBytes(0, 32)
	moves := map[string]func(*core.Place){
		"another tenant":          func(p *core.Place) { p.Tenant = "ten_2" },
		"another user":            func(p *core.Place) { p.User = "usr_2" },
		"no user":                 func(p *core.Place) { p.User = "" },
		"another kind":            func(p *core.Place) { p.Kind = core.KindInteraction },
		"another record":          func(p *core.Place) { p.Record = "cnv_1/blob_2" },
		"an older version":        func(p *core.Place) { p.Version-- },
		"a newer version":         func(p *core.Place) { p.Version++ },
		"a negative version":      func(p *core.Place) { p.Version = -p.Version },
		"tenant and user swapped": func(p *core.Place) { p.Tenant, p.User = core.TenantID(p.User), core.UserID(p.Tenant) },
		"tenant into user":        func(p *core.Place) { p.Tenant, p.User = "ten_", "1usr_1" },
		"user into tenant":        func(p *core.Place) { p.Tenant, p.User = "ten_1u", "sr_1" },
		"user into kind":          func(p *core.Place) { p.User, p.Kind = "usr_", "1blob" },
		"kind into user":          func(p *core.Place) { p.User, p.Kind = "usr_1b", "lob" },
		"kind into record":        func(p *core.Place) { p.Kind, p.Record = "blo", "bcnv_1/blob_1" },
		"record into kind":        func(p *core.Place) { p.Kind, p.Record = "blobc", "nv_1/blob_1" },
		"all in the tenant":       func(p *core.Place) { *p = core.Place{Tenant: "ten_1usr_1blobcnv_1/blob_1", Version: 3} },
		"length bytes in a part":  func(p *core.Place) { p.Tenant, p.User = "ten_1\x00\x00\x00\x05usr_1", "" },
	}
	for name, move := range moves {
		place := knownPlace
		move(&place)
		mustNotOpen(t, name, key, knownDeployment, place, envelope)
	}
	for _, deployment := range []string{"", "dep_2", "dep_", "dep_1t"} {
		mustNotOpen(t, "deployment "+deployment, key, deployment, knownPlace, envelope)
	}
	shifted := knownPlace
	shifted.Tenant = "1ten_1"
	mustNotOpen(t, "deployment into tenant", key, "dep_", shifted, envelope)
}

// The tag of this envelope is right; only the commitment is to another key.
func TestEnvelopeWithAForeignCommitmentDoesNotOpen(t *testing.T) {
	t.Parallel()
	key, salt := countingBytes(0, 32), countingBytes(0x40, 32)
	derived, err := hkdf.Key(sha256.New, key, salt, "raven/blob/v1\x00\x01", 64)
	if err != nil {
		t.Fatal(err)
	}
	honest := forge(t, derived[:32], salt, derived[32:])
	if _, err := core.OpenEnvelope(key, knownDeployment, knownPlace, honest); err != nil {
		t.Fatalf("the forger is wrong about the format: %v", err)
	}
	derived[40] ^= 1
	mustNotOpen(t, "foreign commitment", key, knownDeployment, knownPlace, forge(t, derived[:32], salt, derived[32:]))
}

func forge(t *testing.T, encryption, salt, commitment []byte) []byte {
	t.Helper()
	header := append([]byte("RV\x01\x01\x00\x00\x00\x07"), salt...)
	header = append(header, commitment...)
	aad := bytes.Clone(header)
	for _, part := range []string{
		"raven/aad/v1", "\x01", "dep_1", "ten_1", "usr_1", "blob", "cnv_1/blob_1", "\x00\x00\x00\x00\x00\x00\x00\x03",
	} {
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(part)))
		aad = append(aad, part...)
	}
	block, err := aes.NewCipher(encryption)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(header, nil, []byte(knownPlaintext), aad)
}

func TestEnvelopeNeedsAWholeKeyAndRandomness(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 16, 31, 33} {
		if _, err := core.SealEnvelope(rand.Reader, make([]byte, size), 1, "", knownPlace, nil); err == nil {
			t.Errorf("sealed under a key of %d bytes", size)
		}
		mustNotOpen(t, "short key", make([]byte, size), knownDeployment, knownPlace, sealed(t, rand.Reader))
	}
	_, err := core.SealEnvelope(strings.NewReader("not 32 bytes"), countingBytes(0, 32), 1, "", knownPlace, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("sealed with too little randomness: %v", err)
	}
}

func TestEnvelopeKeyVersionOfOtherBytes(t *testing.T) {
	t.Parallel()
	envelope := sealed(t, rand.Reader)
	for name, change := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:core.EnvelopeOverhead-1] },
		"magic":   func(b []byte) []byte { b[0] = 'X'; return b },
		"format":  func(b []byte) []byte { b[2] = 2; return b },
		"suite":   func(b []byte) []byte { b[3] = 2; return b },
		"nothing": func([]byte) []byte { return nil },
	} {
		if _, ok := core.EnvelopeKeyVersion(change(bytes.Clone(envelope))); ok {
			t.Errorf("%s: taken for an envelope", name)
		}
	}
}

func FuzzOpenEnvelope(f *testing.F) {
	known, _ := hex.DecodeString(knownEnvelope)
	for n := 0; n <= len(known); n += 5 {
		f.Add(known[:n])
	}
	f.Add(append(bytes.Clone(known), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		core.EnvelopeKeyVersion(b)
		if !bytes.Equal(b, known) {
			mustNotOpen(t, "fuzzed", countingBytes(0, 32), knownDeployment, knownPlace, b)
		}
	})
}

func BenchmarkSealEnvelope1KiB(b *testing.B) {
	key, plain := countingBytes(0, 32), make([]byte, 1<<10)
	b.SetBytes(1 << 10)
	for b.Loop() {
		if _, err := core.SealEnvelope(rand.Reader, key, 1, knownDeployment, knownPlace, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenEnvelope1KiB(b *testing.B) {
	key := countingBytes(0, 32)
	envelope, err := core.SealEnvelope(rand.Reader, key, 1, knownDeployment, knownPlace, make([]byte, 1<<10))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 10)
	for b.Loop() {
		if _, err := core.OpenEnvelope(key, knownDeployment, knownPlace, envelope); err != nil {
			b.Fatal(err)
		}
	}
}
