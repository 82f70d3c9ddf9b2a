package localkeys_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/core"
)

// A key wrapped by another implementation (Python's cryptography package):
// the data key 00…1f, version 12 of ada's, under version 3 of a keyring.
const (
	knownMaster  = "vm4fz16+pDMoLeWZKV2k1DM9N4s4hmIjSZHvvojHQfI="
	knownCheck   = "0a555d903209efaf"
	knownWrapped = "5256010100000003404142434445464748494a4b4c4d4e4f5051525354555657" +
		"58595a5b5c5d5e5f4958942337296db9cd7c1e0fbfdf7a8f736e7d23ad6fc7a9" +
		"db6ea35cfa67e25fa0a1a2a3a4a5a6a7a8a9aaab7d8f13aef7a528042abc4519" +
		"2444778e5b8c91b9dfd7a012fb0318ac0a39ac1d5eca33d84dd7880a1387eefa" +
		"a4deb2cf"
	otherMaster = "Nqni4f0Hz0cDGX+jCO0Iv0IaJuU0ZUVfZ4z8tqR8PuM="

	ada = core.TenantID("ten_01hadaaaaaaaaaaaaaaaaaaaaa")
)

func parse(tb testing.TB, text string) *localkeys.Keyring {
	tb.Helper()
	k, err := localkeys.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestKeyWrappedByAnotherImplementationUnwraps(t *testing.T) {
	t.Parallel()
	wrapped, _ := hex.DecodeString(knownWrapped)
	got, err := parse(t, "3:"+knownMaster).Unwrap(t.Context(), ada, 12, wrapped)
	if err != nil || hex.EncodeToString(got) != "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestCheckValuesTellKeyringsApart(t *testing.T) {
	t.Parallel()
	checks := parse(t, "3:"+knownMaster+",1:"+otherMaster).Checks()
	if len(checks) != 2 || checks[3] != knownCheck || len(checks[1]) != 16 || checks[1] == checks[3] {
		t.Errorf("got %v", checks)
	}
}

func TestActiveMasterWrapsAndOlderOnesOpen(t *testing.T) {
	t.Parallel()
	before := parse(t, "1:"+otherMaster)
	plain, wrapped, err := before.NewDataKey(t.Context(), ada, 1)
	if err != nil {
		t.Fatal(err)
	}
	after := parse(t, "2:"+knownMaster+",1:"+otherMaster)
	if got, err := after.Unwrap(t.Context(), ada, 1, wrapped); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("a key from before the rotation: %v", err)
	}
	_, wrapped, err = after.NewDataKey(t.Context(), ada, 2)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := core.EnvelopeKeyVersion(wrapped); v != 2 {
		t.Errorf("wrapped by version %d", v)
	}
	if _, err := before.Unwrap(t.Context(), ada, 2, wrapped); !core.Is(err, core.CodeKeyUnavailable) {
		t.Errorf("a keyring without that version: %v", err)
	}
}

func TestSameVersionOfAnotherKeyringDoesNotOpen(t *testing.T) {
	t.Parallel()
	_, wrapped, err := parse(t, "1:"+otherMaster).NewDataKey(t.Context(), ada, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t, "1:"+knownMaster).Unwrap(t.Context(), ada, 1, wrapped); !core.Is(err, core.CodeKeyUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestKeyringNeverPrints(t *testing.T) {
	t.Parallel()
	// 32 bytes of which the first sixteen are 0xc3.
	k := parse(t, "1:w8PDw8PDw8PDw8PDw8PDwwECAwQFBgcICQoLDA0ODxA=")
	for _, v := range []any{k, struct{ K *localkeys.Keyring }{k}, []*localkeys.Keyring{k}, fmt.Errorf("with %v", k)} {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, _ := json.Marshal(v)
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		for _, bad := range []string{"c3c3", "195 195", "195,195", "0xc3, 0xc3", "\xc3\xc3", `\xc3\xc3`, "w8PD"} {
			if strings.Contains(out.String(), bad) {
				t.Errorf("%T prints its key: %q", v, bad)
			}
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	k := parse(f, "3:"+knownMaster)
	known, _ := hex.DecodeString(knownWrapped)
	for n := 0; n <= len(known); n += 6 {
		f.Add(string(ada), uint32(12), known[:n])
	}
	f.Add("", uint32(0), known)
	f.Add("deployment", uint32(12), known)
	f.Fuzz(func(t *testing.T, tenant string, version uint32, wrapped []byte) {
		plain, err := k.Unwrap(t.Context(), core.TenantID(tenant), version, wrapped)
		same := tenant == string(ada) && version == 12 && bytes.Equal(wrapped, known)
		if same != (err == nil) || (err == nil) != (len(plain) == 32) {
			t.Errorf("%d bytes, %v", len(plain), err)
		}
		if err != nil && !core.Is(err, core.CodeKeyUnavailable) {
			t.Errorf("refused with %v", err)
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	k := parse(b, "3:"+knownMaster)
	wrapped, _ := hex.DecodeString(knownWrapped)
	for b.Loop() {
		if _, err := k.Unwrap(b.Context(), ada, 12, wrapped); err != nil {
			b.Fatal(err)
		}
	}
}
