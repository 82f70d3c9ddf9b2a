package backend

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// VaultError is Vault's answer to what it did not do.
type VaultError struct {
	Status int
	Body   string
}

func (r *VaultError) Error() string { return fmt.Sprintf("vault answered %d: %s", r.Status, r.Body) }

// Do does something as the administrator, who may do everything; path is below
// /v1/. It gives the answer's data. What is refused fails the test.
func (s *VaultServer) Do(method, path string, body any) map[string]any {
	s.t.Helper()
	answer, err := s.Try(s.RootToken(), method, path, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Try does something as the token's holder and gives the answer's data, or the
// error, a *VaultError when Vault gave it.
func (s *VaultServer) Try(token, method, path string, body any) (map[string]any, error) {
	var answer struct{ Data, Auth map[string]any }
	if err := s.callAs(token, method, path, body, &answer); err != nil {
		return nil, err
	}
	if answer.Auth != nil {
		return answer.Auth, nil
	}
	return answer.Data, nil
}

func (s *VaultServer) call(method, path string, body, answer any) error {
	return s.callAs(s.RootToken(), method, path, body, answer)
}

func (s *VaultServer) callAs(token, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+"/v1/"+path, sent)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 300:
		return &VaultError{Status: resp.StatusCode, Body: strings.TrimSpace(string(got))}
	case answer == nil || len(got) == 0:
		return nil
	}
	return json.Unmarshal(got, answer)
}

// client leaves no connection behind.
func (s *VaultServer) client() *http.Client {
	var config *tls.Config
	if s.certs != nil {
		config = s.certs.config.Clone()
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
}

// undo does something as the administrator when the test ends, if the server
// is still there.
func (s *VaultServer) undo(method, path string) {
	s.t.Cleanup(func() { _, _ = s.Try(s.RootToken(), method, path, nil) })
}

// name makes a name that is nobody else's.
func (*VaultServer) name(kind string) string { return kind + "-" + strings.ToLower(rand.Text()[:12]) }

// Transit enables a transit secrets engine of the test's own and gives its
// mount.
func (s *VaultServer) Transit() string {
	s.t.Helper()
	mount := s.name("transit")
	s.Do("POST", "sys/mounts/"+mount, map[string]any{"type": "transit"})
	s.undo("DELETE", "sys/mounts/"+mount)
	return mount
}

// MakeKey makes a derived transit key, as a tenant's Vault team does.
func (s *VaultServer) MakeKey(mount, name string) {
	s.t.Helper()
	s.Do("POST", mount+"/keys/"+name, map[string]any{"type": "aes256-gcm96", "derived": true})
}

// RotateKey gives the key a new version.
func (s *VaultServer) RotateKey(mount, name string) {
	s.t.Helper()
	s.Do("POST", mount+"/keys/"+name+"/rotate", nil)
}

// MinDecryptionVersion makes the key refuse what its earlier versions wrapped.
func (s *VaultServer) MinDecryptionVersion(mount, name string, version int) {
	s.t.Helper()
	s.Do("POST", mount+"/keys/"+name+"/config", map[string]any{"min_decryption_version": version})
}

// DestroyKey deletes the key with all its versions.
func (s *VaultServer) DestroyKey(mount, name string) {
	s.t.Helper()
	s.Do("POST", mount+"/keys/"+name+"/config", map[string]any{"deletion_allowed": true})
	s.Do("DELETE", mount+"/keys/"+name, nil)
}

// Policy writes a policy of the test's own and gives its name. SetPolicy
// changes it.
func (s *VaultServer) Policy(rules string) string {
	s.t.Helper()
	name := s.name("policy")
	s.SetPolicy(name, rules)
	s.undo("DELETE", "sys/policies/acl/"+name)
	return name
}

// SetPolicy writes a policy. It holds from now on for every token that has it.
func (s *VaultServer) SetPolicy(name, rules string) {
	s.t.Helper()
	s.Do("PUT", "sys/policies/acl/"+name, map[string]any{"policy": rules})
}

// Token makes a token with a policy, and no other, that can be renewed until
// maxTTL has passed.
func (s *VaultServer) Token(policy string, ttl, maxTTL time.Duration) string {
	s.t.Helper()
	made := s.Do("POST", "auth/token/create-orphan", map[string]any{
		"policies": []string{policy}, "no_default_policy": true, "renewable": true,
		"ttl": ttl.String(), "explicit_max_ttl": maxTTL.String(),
	})
	token, _ := made["client_token"].(string)
	s.t.Cleanup(func() {
		_, _ = s.Try(s.RootToken(), "POST", "auth/token/revoke", map[string]any{"token": token})
	})
	return token
}

// RevokeToken ends a token.
func (s *VaultServer) RevokeToken(token string) {
	s.t.Helper()
	s.Do("POST", "auth/token/revoke", map[string]any{"token": token})
}

// RevokeLogins ends every token that an auth method has given out.
func (s *VaultServer) RevokeLogins(mount string) {
	s.t.Helper()
	s.Do("PUT", "sys/leases/revoke-prefix/auth/"+mount+"/login", nil)
}

// AppRole is what a client logs in by, with Vault's AppRole auth method.
type AppRole struct {
	Mount            string
	RoleID, SecretID string
}

// AppRole makes an AppRole whose tokens have the policy and no other.
func (s *VaultServer) AppRole(policy string, ttl, maxTTL time.Duration) AppRole {
	s.t.Helper()
	mount := s.name("approle")
	s.Do("POST", "sys/auth/"+mount, map[string]any{"type": "approle"})
	s.undo("DELETE", "sys/auth/"+mount)
	role := "auth/" + mount + "/role/raven"
	s.Do("POST", role, map[string]any{
		"token_policies": []string{policy}, "token_no_default_policy": true,
		"token_ttl": ttl.String(), "token_max_ttl": maxTTL.String(),
	})
	roleID, _ := s.Do("GET", role+"/role-id", nil)["role_id"].(string)
	secretID, _ := s.Do("POST", role+"/secret-id", nil)["secret_id"].(string)
	return AppRole{Mount: mount, RoleID: roleID, SecretID: secretID}
}

// RateLimit lets through so many requests to a path in ten seconds, and answers
// the others 429. It ends when the returned function is called.
func (s *VaultServer) RateLimit(path string, requests int) (end func()) {
	s.t.Helper()
	quota := "sys/quotas/rate-limit/" + s.name("quota")
	s.Do("POST", quota, map[string]any{"path": path, "rate": requests, "interval": "10s"})
	return func() {
		s.t.Helper()
		s.Do("DELETE", quota, nil)
	}
}

// IsVaultError reports whether Vault answered with the status.
func IsVaultError(err error, status int) bool {
	var r *VaultError
	return errors.As(err, &r) && r.Status == status
}
