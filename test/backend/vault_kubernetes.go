package backend

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The service account that a KubernetesRole is for.
const (
	serviceAccount          = "raven"
	serviceAccountNamespace = "agents"
)

// KubernetesRole is a role of Vault's Kubernetes auth method.
type KubernetesRole struct {
	Mount   string
	Role    string
	JWTFile string // where the service account's token is mounted

	cluster *cluster
	dir     string
}

// Kubernetes makes a role whose tokens have the policy and no other, on a
// server made with VaultHere. The method is Vault's own; only the cluster that it asks about a service
// account's token is a stand-in, which knows the tokens that NewJWT made.
func (s *VaultServer) Kubernetes(policy string, ttl, maxTTL time.Duration) *KubernetesRole {
	s.t.Helper()
	r := &KubernetesRole{Mount: s.name("kubernetes"), Role: "raven", cluster: &cluster{}, dir: s.t.TempDir()}
	api := httptest.NewTLSServer(r.cluster)
	s.t.Cleanup(api.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	s.Do("POST", "sys/auth/"+r.Mount, map[string]any{"type": "kubernetes"})
	s.undo("DELETE", "sys/auth/"+r.Mount)
	s.Do("POST", "auth/"+r.Mount+"/config", map[string]any{
		"kubernetes_host": api.URL, "kubernetes_ca_cert": string(ca),
		"token_reviewer_jwt": jwt("reviewer"), "disable_local_ca_jwt": true,
	})
	s.Do("POST", "auth/"+r.Mount+"/role/"+r.Role, map[string]any{
		"bound_service_account_names":      serviceAccount,
		"bound_service_account_namespaces": serviceAccountNamespace,
		"token_policies":                   []string{policy}, "token_no_default_policy": true,
		"token_ttl": ttl.String(), "token_max_ttl": maxTTL.String(),
	})
	r.JWTFile = filepath.Join(r.dir, "token")
	if err := r.NewJWT(); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// NewJWT puts a new token in the place of the last, which ends, as the kubelet
// does with a projected token.
func (r *KubernetesRole) NewJWT() error {
	token := jwt(serviceAccount)
	r.cluster.allow(token)
	next := r.JWTFile + ".next"
	if err := os.WriteFile(next, []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(next, r.JWTFile)
}

// jwt is a service account's token as far as Vault reads it by itself; the
// cluster alone knows whether it is good.
func jwt(account string) string {
	part := func(claims map[string]any) string {
		text, _ := json.Marshal(claims)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now()
	return part(map[string]any{"alg": "RS256", "kid": "test"}) + "." + part(map[string]any{
		"iss": "https://kubernetes.default.svc.cluster.local", "jti": rand.Text(),
		"sub": "system:serviceaccount:" + serviceAccountNamespace + ":" + account,
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
		"kubernetes.io": map[string]any{
			"namespace":      serviceAccountNamespace,
			"serviceaccount": map[string]any{"name": account, "uid": "uid-" + account},
		},
	}) + "." + base64.RawURLEncoding.EncodeToString([]byte(rand.Text()))
}

// cluster stands in for the token review of a Kubernetes API server.
type cluster struct {
	mu    sync.Mutex
	token string // the one that is good
}

func (c *cluster) allow(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

func (c *cluster) isGood(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return token == c.token
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       struct{ Token string }
		Status     map[string]any `json:"status"`
	}
	if r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" || json.NewDecoder(r.Body).Decode(&review) != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	review.APIVersion, review.Kind = "authentication.k8s.io/v1", "TokenReview"
	review.Status = map[string]any{"authenticated": false, "error": "the token is not known"}
	if c.isGood(review.Spec.Token) {
		review.Status = map[string]any{"authenticated": true, "user": map[string]any{
			"username": "system:serviceaccount:" + serviceAccountNamespace + ":" + serviceAccount,
			"uid":      "uid-" + serviceAccount,
		}}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(review)
}
