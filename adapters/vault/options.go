package vault

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Defaults of Options.
const (
	DefaultMount       = "transit"
	DefaultKeyTemplate = "raven-" + tenantIDMark
	DefaultPlatformKey = "raven-platform"
	DefaultTimeout     = 2 * time.Second
)

// tenantIDMark stands for a tenant's id in a key template.
const tenantIDMark = "{tenant_id}"

// Options say which Vault it is, how to log in, and what its keys are called.
type Options struct {
	Address   string // https://vault.example:8200; http:// where the network may be trusted
	Namespace string // that everything is in; "" for the root
	Mount     string // of the transit engine; "" for DefaultMount
	CAFile    string // PEM, who may have signed Vault's certificate; "" for the system's
	Auth      Auth

	KeyTemplate string // name of a tenant's key, with {tenant_id} once; "" for DefaultKeyTemplate
	PlatformKey string // "" for DefaultPlatformKey

	// ProvisionToken, when it is not "", makes a tenant's transit key that is
	// missing when a data key is asked for. It is used for nothing else.
	ProvisionToken string

	Timeout time.Duration // of one step, a new login included; 0 for DefaultTimeout
	Clock   ports.Clock   // nil for the machine's
	Log     *slog.Logger  // where failed logins are told of; nil for nowhere

	// Through wraps what requests to Vault go through; nil for nothing.
	Through func(http.RoundTripper) http.RoundTripper
}

// The ways to log in.
const (
	MethodToken      = "token"
	MethodAppRole    = "approle"
	MethodKubernetes = "kubernetes"
)

// Auth is how to log in. Method says which of the others count.
type Auth struct {
	Method string
	Mount  string // of the auth method; "" for the method's name

	Token string

	RoleID, SecretID string // AppRole

	Role    string // Kubernetes
	JWTFile string // the service account's token, read at each login; "" for where a pod has it
}

// serviceAccountToken is where a pod finds its token.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path

// fmtState is fmt.State, which Format methods are given.
type fmtState = fmt.State

func redact(f fmtState) { _, _ = io.WriteString(f, "[redacted]") }

// Format keeps tokens out of logs.
func (Options) Format(f fmtState, _ rune) { redact(f) }

// MarshalText keeps tokens out of encoders.
func (Options) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Format keeps tokens out of logs.
func (Auth) Format(f fmtState, _ rune) { redact(f) }

// MarshalText keeps tokens out of encoders.
func (Auth) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// complete fills in the defaults and checks the rest. No error repeats a secret.
func (o Options) complete() (Options, error) {
	if o.Mount == "" {
		o.Mount = DefaultMount
	}
	if o.KeyTemplate == "" {
		o.KeyTemplate = DefaultKeyTemplate
	}
	if o.PlatformKey == "" {
		o.PlatformKey = DefaultPlatformKey
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Clock == nil {
		o.Clock = machineClock{}
	}
	if o.Log == nil {
		o.Log = discard()
	}
	if o.Through == nil {
		o.Through = func(next http.RoundTripper) http.RoundTripper { return next }
	}
	auth, authErr := o.Auth.complete()
	o.Auth = auth
	return o, errors.Join(o.checkAddress(), o.checkNames(), authErr)
}

func (o Options) checkAddress() error {
	u, err := url.Parse(o.Address)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return errors.New("vault: the address is not an https:// or http:// URL")
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("vault: the address has more in it than scheme, host and port")
	}
	return nil
}

func (o Options) checkNames() error {
	switch {
	case o.Timeout < 0:
		return errors.New("vault: the timeout is negative")
	case !isPath(o.Mount):
		return fmt.Errorf("vault: %.80q can't be the mount of a transit engine", o.Mount)
	case o.Namespace != "" && !isPath(o.Namespace):
		return fmt.Errorf("vault: %.80q can't be a namespace", o.Namespace)
	case strings.Count(o.KeyTemplate, tenantIDMark) != 1:
		return fmt.Errorf("vault: the key template %.80q does not hold %s once", o.KeyTemplate, tenantIDMark)
	case !isName(o.keyOf("x")):
		return fmt.Errorf("vault: the key template %.80q makes no names of keys", o.KeyTemplate)
	case !isName(o.PlatformKey):
		return fmt.Errorf("vault: %.80q can't be the name of a key", o.PlatformKey)
	case o.isTenantKey(o.PlatformKey):
		return errors.New("vault: the platform's key has the name of a tenant's")
	}
	return nil
}

// keyOf is the name of a tenant's transit key. What is no tenant's id must not
// come here.
func (o Options) keyOf(tenant core.TenantID) string {
	return strings.Replace(o.KeyTemplate, tenantIDMark, string(tenant), 1)
}

// isTenantKey reports whether a tenant, or the deployment in a tenant's place,
// could have a key of that name.
func (o Options) isTenantKey(name string) bool {
	before, after, _ := strings.Cut(o.KeyTemplate, tenantIDMark)
	id, found := strings.CutPrefix(name, before)
	if id, found = cutSuffixIf(found, id, after); !found {
		return false
	}
	return isTenant(core.TenantID(id))
}

func cutSuffixIf(ok bool, s, suffix string) (string, bool) {
	if !ok {
		return s, false
	}
	return strings.CutSuffix(s, suffix)
}

// isTenant reports whether the id may be made part of a path.
func isTenant(id core.TenantID) bool { return id.Valid() || id == core.DeploymentTenant }

func (a Auth) complete() (Auth, error) {
	if a.Mount == "" {
		a.Mount = a.Method
	}
	if a.JWTFile == "" {
		a.JWTFile = serviceAccountToken
	}
	var missing string
	switch a.Method {
	case MethodToken:
		missing = missingOf("a token", a.Token)
	case MethodAppRole:
		missing = missingOf("a role id and a secret id", a.RoleID, a.SecretID)
	case MethodKubernetes:
		missing = missingOf("a role", a.Role)
	default:
		return a, fmt.Errorf("vault: %.40q is no way to log in: token, approle or kubernetes is", a.Method)
	}
	switch {
	case missing != "":
		return a, fmt.Errorf("vault: to log in by %s takes %s", a.Method, missing)
	case !isPath(a.Mount):
		return a, fmt.Errorf("vault: %.80q can't be the mount of an auth method", a.Mount)
	}
	return a, nil
}

func missingOf(what string, values ...string) string {
	for _, v := range values {
		if v == "" {
			return what
		}
	}
	return ""
}

// isPath reports whether the text is names with "/" between them: it can't
// leave the place in a path that it is put in.
func isPath(text string) bool {
	for part := range strings.SplitSeq(text, "/") {
		if !isName(part) {
			return false
		}
	}
	return len(text) <= 256
}

// isName reports whether the text can be one step of a path, and the name of a
// transit key: those begin and end with a letter, a digit or "_".
func isName(text string) bool {
	word := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
	}
	if text == "" || len(text) > 128 || !word(text[0]) || !word(text[len(text)-1]) {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !word(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// machineClock tells the machine's time.
type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }
