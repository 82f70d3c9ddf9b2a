package vault_test

import (
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

// TestRuntimePolicyIsEnoughAndNoMore tries what else Vault's transit engine and
// the rest of it can do, on the keys that the policy is for. That it is enough
// is what every other test shows, which has no other.
func TestRuntimePolicyIsEnoughAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	tenant := w.tenant()
	_, _ = mustMake(t, w.open().Tenant(), tenant)
	key, missing := keyName(tenant), keyName(newTenant())
	context := map[string]any{"context": "dGVuYW50"}
	for _, try := range []struct{ method, path string }{
		{"POST", w.mount + "/keys/" + key},
		{"POST", w.mount + "/keys/" + missing},
		{"GET", w.mount + "/keys/" + key},
		{"LIST", w.mount + "/keys"},
		{"DELETE", w.mount + "/keys/" + key},
		{"POST", w.mount + "/keys/" + key + "/config"},
		{"POST", w.mount + "/keys/" + key + "/rotate"},
		{"POST", w.mount + "/keys/" + key + "/trim"},
		{"POST", w.mount + "/keys/" + missing + "/import"},
		{"GET", w.mount + "/export/encryption-key/" + key},
		{"GET", w.mount + "/backup/" + key},
		{"POST", w.mount + "/restore"},
		{"POST", w.mount + "/restore/" + missing},
		{"POST", w.mount + "/encrypt/" + key},
		{"POST", w.mount + "/encrypt/" + missing},
		{"POST", w.mount + "/datakey/wrapped/" + key},
		{"POST", w.mount + "/datakey/plaintext/other"},
		{"POST", w.mount + "/decrypt/other"},
		{"POST", w.mount + "/rewrap/other"},
		{"POST", w.mount + "/sign/" + key},
		{"POST", w.mount + "/hmac/" + key},
		{"POST", w.mount + "/verify/" + key},
		{"POST", w.mount + "/cache-config"},
		{"GET", w.mount + "/byok-export/other/" + key},
		{"GET", w.mount + "/wrapping_key"},
		{"GET", "sys/mounts"},
		{"POST", "sys/mounts/mine"},
		{"DELETE", "sys/mounts/" + w.mount},
		{"GET", "sys/policies/acl/" + w.policy},
		{"PUT", "sys/policies/acl/" + w.policy},
		{"PUT", "sys/seal"},
		{"GET", "sys/auth"},
		{"POST", "auth/token/create"},
		{"POST", "auth/token/create-orphan"},
		{"LIST", "auth/token/accessors"},
		{"GET", "identity/entity/id"},
		{"POST", "sys/quotas/rate-limit/mine"},
	} {
		if answer, err := w.Try(w.token, try.method, try.path, context); !backend.IsVaultError(err, 403) {
			t.Errorf("%s %s: %v, %v", try.method, try.path, answer, err)
		}
	}
}

func TestProvisionerMakesKeysAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	token := w.Token(w.Policy(w.rules("provisioner")), time.Hour, time.Hour)
	tenant := newTenant()
	path := w.mount + "/keys/" + keyName(tenant)
	derived := map[string]any{"type": "aes256-gcm96", "derived": true}
	for range 2 { // the second changes nothing
		if _, err := w.Try(token, "POST", path, derived); err != nil {
			t.Fatal(err)
		}
	}
	missing := w.mount + "/keys/" + keyName(newTenant())
	for _, try := range []struct {
		what, method, path string
		body               map[string]any
	}{
		{"an exportable key", "POST", missing, map[string]any{"derived": true, "exportable": true}},
		{"a key that is not derived", "POST", missing, map[string]any{"derived": false}},
		{"a key of no kind", "POST", missing, nil},
		{"another type", "POST", missing, map[string]any{"derived": true, "type": "rsa-2048"}},
		{"a backup", "POST", missing, map[string]any{"derived": true, "allow_plaintext_backup": true}},
		{"its settings", "POST", path + "/config", map[string]any{"deletion_allowed": true}},
		{"its versions", "POST", path + "/rotate", nil},
		{"its end", "DELETE", path, nil},
		{"an import", "POST", missing + "/import", nil},
		{"its use", "POST", w.mount + "/datakey/plaintext/" + keyName(tenant), map[string]any{"context": "dGVuYW50"}},
	} {
		if _, err := w.Try(token, try.method, try.path, try.body); !backend.IsVaultError(err, 403) {
			t.Errorf("%s: %v", try.what, err)
		}
	}
}

func TestDestroyerDestroysAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	tenant := w.tenant()
	token := w.Token(w.Policy(w.rules("destroyer")), time.Hour, time.Hour)
	path := w.mount + "/keys/" + keyName(tenant)
	for _, try := range []struct {
		what, method, path string
		body               map[string]any
	}{
		{"exportable", "POST", path + "/config", map[string]any{"deletion_allowed": true, "exportable": true}},
		{"its least version", "POST", path + "/config", map[string]any{"min_decryption_version": 1}},
		{"its versions", "POST", path + "/rotate", nil},
		{"its use", "POST", w.mount + "/datakey/plaintext/" + keyName(tenant), map[string]any{"context": "dGVuYW50"}},
		{"a new key", "POST", w.mount + "/keys/" + keyName(newTenant()), map[string]any{"derived": true}},
	} {
		if _, err := w.Try(token, try.method, try.path, try.body); !backend.IsVaultError(err, 403) {
			t.Errorf("%s: %v", try.what, err)
		}
	}
	if _, err := w.Try(token, "POST", path+"/config", map[string]any{"deletion_allowed": true}); err != nil {
		t.Error(err)
	}
	if _, err := w.Try(token, "DELETE", path, nil); err != nil {
		t.Error(err)
	}
}
