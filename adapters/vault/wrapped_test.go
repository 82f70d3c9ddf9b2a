package vault_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/core"
)

// A wrapped key made by another implementation (Python's hashlib): the data key
// 00…1f, version 12 of ada's, under version 3 of its transit key, which gave
// the ciphertext 40…7b.
const (
	knownWrapped = "525656010000000c000000037b11d9674a785c8a8d9296c161a10a898c450eb12ace06c87ccfd42b243a7d4a" +
		"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b"

	ada = core.TenantID("ten_01hadaaaaaaaaaaaaaaaaaaaaa")
)

// answering is a provider at a Vault that opens everything as plain.
func answering(t *testing.T, plain []byte, asked func(path string, body map[string]string)) *vault.TenantKeys {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/lookup-self") {
			fmt.Fprint(w, `{"data":{"ttl":0}}`)
			return
		}
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		asked(r.URL.Path, body)
		fmt.Fprintf(w, `{"data":{"plaintext":%q}}`, base64.StdEncoding.EncodeToString(plain))
	}))
	t.Cleanup(server.Close)
	o := goodOptions()
	o.Address, o.Timeout = server.URL, 0
	client, err := vault.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client.Tenant()
}

func TestKeyWrappedByAnotherImplementationUnwraps(t *testing.T) {
	t.Parallel()
	wrapped, _ := hex.DecodeString(knownWrapped)
	plain, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	times := 0
	k := answering(t, plain, func(path string, body map[string]string) {
		times++
		if path != "/v1/transit/decrypt/raven-"+string(ada) || len(body) != 2 ||
			body["context"] != base64.StdEncoding.EncodeToString([]byte(ada)) ||
			body["ciphertext"] != "vault:v3:"+base64.StdEncoding.EncodeToString(wrapped[44:]) {
			t.Errorf("asked %s for %v", path, body)
		}
	})
	got, err := k.Unwrap(t.Context(), ada, 12, wrapped)
	if err != nil || hex.EncodeToString(got) != hex.EncodeToString(plain) || times != 1 {
		t.Errorf("got %x, %v after asking %d times", got, err, times)
	}
	if v := k.WrappedBy(wrapped); v != 3 {
		t.Errorf("wrapped by %d", v)
	}
}

// A Vault that opens a key for anybody, as one whose key is not derived does,
// moves no key to another tenant or version.
func TestKeyIsBoundWhateverVaultOpens(t *testing.T) {
	t.Parallel()
	wrapped, _ := hex.DecodeString(knownWrapped)
	plain, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	k := answering(t, plain, func(string, map[string]string) {})
	wantCode(t, "another tenant", k, newTenant(), moved(wrapped, 1), gone)
	wantCode(t, "the deployment", k, core.DeploymentTenant, moved(wrapped, 1), gone)
	wantCode(t, "another version", k, ada, moved(wrapped, 1), gone)
	other := answering(t, make([]byte, 32), func(string, map[string]string) {})
	if _, err := other.Unwrap(t.Context(), ada, 12, wrapped); core.CodeOf(err) != gone {
		t.Errorf("another key: %v", err)
	}
}

// moved is the wrapped key with another version written in it.
func moved(wrapped []byte, version byte) []byte {
	out := append([]byte{}, wrapped...)
	out[7] = version
	return out
}

// Vault takes version 0 of a ciphertext for 1: the one form is not the other.
func TestVersionNoughtIsRefused(t *testing.T) {
	t.Parallel()
	wrapped, _ := hex.DecodeString(knownWrapped)
	plain, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	k := answering(t, plain, func(path string, _ map[string]string) { t.Errorf("asked %s", path) })
	wrapped[11] = 0
	if _, err := k.Unwrap(t.Context(), ada, 12, wrapped); core.CodeOf(err) != gone {
		t.Errorf("got %v", err)
	}
	if v := k.WrappedBy(wrapped); v != 0 {
		t.Errorf("wrapped by %d", v)
	}
}

func TestNamespaceIsSent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Vault-Namespace"); got != "org/unit" {
			t.Errorf("%s in namespace %q", r.URL.Path, got)
		}
		http.Error(w, "{}", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	o := goodOptions()
	o.Address, o.Namespace = server.URL, "org/unit"
	client, err := vault.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if err := client.Health(t.Context()); core.CodeOf(err) != down {
		t.Errorf("Health: %v", err)
	}
}
