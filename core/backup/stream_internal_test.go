package backup

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
)

const fuzzPassphrase = "a passphrase of a backup"

// noCost stands in for argon2id, which takes its time.
func noCost(passphrase string, salt []byte, _ Cost) []byte {
	sum := sha256.Sum256(append([]byte(passphrase), salt...))
	return sum[:]
}

// FuzzReader holds that no file makes reading a backup panic or take it for whole:
// neither bytes as they are, nor ones that were sealed with the passphrase.
func FuzzReader(f *testing.F) {
	f.Add([]byte(magic), true)
	f.Add([]byte(`{"header":{"keyring":"1:key"}}`+"\n"+`{"totals":{}}`), true)
	f.Add([]byte(`{"totals":{"tenants":-1}}`), true)
	f.Add([]byte(`{"tenant":{"events":[{"Data":{"n":1e400}}]}}`), true)
	f.Add([]byte(magic+"\x00\x00\x00\x01\xff\xff\xff\xff\x01"), false)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed {
			data = sealForFuzz(t, data)
		}
		r, err := NewReader(bytes.NewReader(data), fuzzPassphrase, noCost)
		if err != nil {
			return
		}
		for range 1000 {
			if _, err = r.Next(); err != nil {
				break
			}
		}
		if errors.Is(err, io.EOF) && !r.order.ended {
			t.Error("what has no end is taken for whole")
		}
		if !sealed && !errors.Is(err, ErrSealed) {
			t.Errorf("what nobody sealed: %v", err)
		}
	})
}

func sealForFuzz(t *testing.T, plain []byte) []byte {
	t.Helper()
	p, err := newPreamble(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := newChunks(p, fuzzPassphrase, noCost)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	out.Write(p[:])
	s := &sealer{chunks: c, to: &out, plain: make([]byte, 0, chunkBytes)}
	if _, err := s.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := s.flush(true); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
