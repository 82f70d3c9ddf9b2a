package backend_test

import (
	"encoding/base64"
	"os"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

var vaultContext = base64.StdEncoding.EncodeToString([]byte("tenant"))

// mustWrap makes a data key and gives what unwraps it.
func mustWrap(t *testing.T, s *backend.VaultServer, mount string) (plain any, unwrap func() (any, error)) {
	t.Helper()
	made := s.Do("POST", mount+"/datakey/plaintext/key", map[string]any{"context": vaultContext})
	return made["plaintext"], func() (any, error) {
		answer, err := s.Try(s.RootToken(), "POST", mount+"/decrypt/key",
			map[string]any{"context": vaultContext, "ciphertext": made["ciphertext"]})
		return answer["plaintext"], err
	}
}

func TestKeysOfVaultSurviveKillsAndSeals(t *testing.T) {
	t.Parallel()
	s := backend.Vault(t)
	mount := s.Transit()
	s.MakeKey(mount, "key")
	plain, unwrap := mustWrap(t, s, mount)
	for what, disturb := range map[string]func(){
		"nothing": func() {},
		"a kill": func() {
			s.Kill()
			if _, err := unwrap(); err == nil {
				t.Error("a killed server answers")
			}
			s.Restart()
		},
		"a seal": func() {
			s.Seal()
			if _, err := unwrap(); !backend.IsVaultError(err, 503) {
				t.Errorf("a sealed server gave %v", err)
			}
			s.Unseal()
		},
	} {
		disturb()
		if got, err := unwrap(); got != plain || err != nil {
			t.Fatalf("after %s: %v, %v", what, got, err)
		}
	}
}

func TestSharedVaultGivesEachTestItsOwn(t *testing.T) { //nolint:tparallel // it looks at what the subtests have left
	t.Parallel()
	s := backend.SharedVault(t)
	mounts := make([]string, 2)
	t.Run("tests", func(t *testing.T) {
		for i := range mounts {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				mine := backend.SharedVault(t)
				if mine.Addr() != s.Addr() {
					t.Errorf("two servers, %s and %s", mine.Addr(), s.Addr())
				}
				mounts[i] = mine.Transit()
				mine.MakeKey(mounts[i], "key")
			})
		}
	})
	if mounts[0] == mounts[1] {
		t.Error("the mounts are one")
	}
	for _, mount := range mounts {
		if _, err := s.Try(s.RootToken(), "GET", mount+"/keys/key", nil); !backend.IsVaultError(err, 404) {
			t.Errorf("%s is left: %v", mount, err)
		}
	}
}

func TestVaultKeyIsRotatedLimitedAndDestroyed(t *testing.T) {
	t.Parallel()
	s := backend.SharedVault(t)
	mount := s.Transit()
	s.MakeKey(mount, "key")
	plain, unwrap := mustWrap(t, s, mount)
	s.RotateKey(mount, "key")
	if got, err := unwrap(); got != plain || err != nil {
		t.Errorf("rotated: %v, %v", got, err)
	}
	s.MinDecryptionVersion(mount, "key", 2)
	if _, err := unwrap(); !backend.IsVaultError(err, 400) {
		t.Errorf("below the least version: %v", err)
	}
	s.MinDecryptionVersion(mount, "key", 1)
	s.DestroyKey(mount, "key")
	if _, err := unwrap(); !backend.IsVaultError(err, 400) {
		t.Errorf("destroyed: %v", err)
	}
}

func TestVaultLogsInByEachMethod(t *testing.T) {
	t.Parallel()
	s := backend.Vault(t, backend.VaultHere)
	mount := s.Transit()
	s.MakeKey(mount, "key")
	policy := s.Policy(`path "` + mount + `/datakey/plaintext/key" { capabilities = ["update"] }`)
	uses := func(how, token string) {
		t.Helper()
		if _, err := s.Try(token, "POST", mount+"/datakey/plaintext/key", map[string]any{"context": vaultContext}); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if _, err := s.Try(token, "POST", mount+"/keys/key/rotate", nil); !backend.IsVaultError(err, 403) {
			t.Errorf("%s goes beyond its policy: %v", how, err)
		}
	}
	uses("a token", s.Token(policy, time.Minute, time.Hour))

	role := s.AppRole(policy, time.Minute, time.Hour)
	login, err := s.Try("", "POST", "auth/"+role.Mount+"/login",
		map[string]any{"role_id": role.RoleID, "secret_id": role.SecretID})
	if err != nil {
		t.Fatal(err)
	}
	uses("an AppRole", login["client_token"].(string))

	account := s.Kubernetes(policy, time.Minute, time.Hour)
	old := mustLogIn(t, s, account)
	uses("a service account", old)
	stale, _ := os.ReadFile(account.JWTFile)
	if err := account.NewJWT(); err != nil {
		t.Fatal(err)
	}
	uses("a service account's next token", mustLogIn(t, s, account))
	if _, err := s.Try("", "POST", "auth/"+account.Mount+"/login", map[string]any{"role": account.Role, "jwt": string(stale)}); err == nil {
		t.Error("a token that the cluster does not know logs in")
	}
}

func mustLogIn(t *testing.T, s *backend.VaultServer, r *backend.KubernetesRole) string {
	t.Helper()
	jwt, err := os.ReadFile(r.JWTFile)
	if err != nil {
		t.Fatal(err)
	}
	login, err := s.Try("", "POST", "auth/"+r.Mount+"/login", map[string]any{"role": r.Role, "jwt": string(jwt)})
	if err != nil {
		t.Fatal(err)
	}
	return login["client_token"].(string)
}

func TestVaultLimitsRequests(t *testing.T) {
	t.Parallel()
	s := backend.Vault(t)
	mount := s.Transit()
	s.MakeKey(mount, "key")
	_, unwrap := mustWrap(t, s, mount)
	end := s.RateLimit(mount+"/", 1)
	_, _ = unwrap()
	if _, err := unwrap(); !backend.IsVaultError(err, 429) {
		t.Errorf("limited: %v", err)
	}
	end()
	if _, err := unwrap(); err != nil {
		t.Errorf("no more limited: %v", err)
	}
}

func TestVaultSpeaksTLS(t *testing.T) {
	t.Parallel()
	s := backend.Vault(t, backend.VaultTLS)
	if s.URL() != "https://"+s.Addr() || s.CAFile() == "" {
		t.Errorf("URL %s, authority %s", s.URL(), s.CAFile())
	}
	s.MakeKey(s.Transit(), "key")
}
