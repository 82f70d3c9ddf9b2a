package vault

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/raven-memory/raven/core"
)

const (
	tokenSoon       = time.Hour
	certificateSoon = 14 * 24 * time.Hour
)

// Examine looks at Vault: whether it is unsealed, whether the login holds and
// how long, and whether its policy lets Raven do what it has to and no more. It
// changes nothing there: what it tries is refused by the transit engine for what
// is missing in it, after the policy let it through. platform and tenants say
// whose keys Vault holds.
func Examine(ctx context.Context, opt Options, platform, tenants bool) (found core.Findings) {
	c, err := Open(opt)
	if err != nil {
		found.Fail("vault: configuration", err.Error(), "correct keys.vault")
		return found
	}
	defer c.Close() //nolint:errcheck // it never fails
	e := &examination{Client: c, found: &found}
	e.certificate(ctx)
	if !e.sealed(ctx) || !e.login(ctx) {
		return found
	}
	if platform {
		e.policy(ctx, "the platform's key "+c.options.PlatformKey, c.options.PlatformKey, "encrypt")
	}
	if tenants {
		e.policy(ctx, "tenants' keys "+c.options.KeyTemplate, c.options.keyOf(core.TenantID("ten_00000000000000000000000000")))
	}
	e.breadth(ctx)
	return found
}

// examination is one on its way.
type examination struct {
	*Client
	found *core.Findings
}

func (e *examination) sealed(ctx context.Context) bool {
	client, err := e.conn.as("")
	if err == nil {
		var health *api.HealthResponse
		if health, err = client.Sys().HealthWithContext(ctx); err == nil {
			switch {
			case !health.Initialized:
				e.found.Fail("vault: reachable", "it is not initialised", "vault operator init, then unseal it")
			case health.Sealed:
				e.found.Fail("vault: reachable", "it is sealed", "vault operator unseal")
			default:
				e.found.OK("vault: reachable", fmt.Sprintf("%s, Vault %s, unsealed", e.options.Address, health.Version))
				if skew := time.Since(time.Unix(health.ServerTimeUTC, 0)).Abs(); skew > 5*time.Second {
					e.found.Warn("vault: clock", fmt.Sprintf("it is %v off this machine's", skew.Round(time.Second)), "run an NTP client on both")
				}
				return true
			}
			return false
		}
	}
	e.found.Fail("vault: reachable", err.Error(), "start Vault, or correct keys.vault.addr, ca_file and the network between")
	return false
}

func (e *examination) login(ctx context.Context) bool {
	var token struct {
		TTL       int64    `json:"ttl"`
		Renewable bool     `json:"renewable"`
		Policies  []string `json:"policies"`
		Period    int64    `json:"period"`
	}
	err := e.loggedIn(ctx, func(ctx context.Context, l *login) error { return lookupSelf(ctx, l.client, &token) })
	if err != nil {
		e.found.Fail("vault: login", "by "+e.options.Auth.Method+": "+err.Error(), "correct keys.vault.auth, and give its policy auth/token/lookup-self and renew-self (deploy/vault/runtime.hcl)")
		return false
	}
	left := time.Duration(token.TTL) * time.Second
	switch {
	case slices.Contains(token.Policies, "root"):
		e.found.Fail("vault: login", "the token is root's: it may do anything", "make a token, AppRole or Kubernetes role with deploy/vault/runtime.hcl alone")
	case e.options.Auth.Method == MethodToken && token.TTL == 0:
		e.found.Warn("vault: login", "the token never ends", "give Raven a periodic token, or an AppRole or Kubernetes role")
	case e.options.Auth.Method == MethodToken && left < tokenSoon && !token.Renewable:
		e.found.Warn("vault: login", fmt.Sprintf("the token ends in %v and can't be renewed", left), "give Raven a renewable, periodic token")
	default:
		e.found.OK("vault: login", fmt.Sprintf("by %s; the token lives for %v, policies %s", e.options.Auth.Method, left, strings.Join(token.Policies, ", ")))
	}
	return true
}

// policy tries what is needed on a key, with bodies that the engine refuses.
func (e *examination) policy(ctx context.Context, what, key string, more ...string) {
	bad := map[string]any{"bits": 7, "ciphertext": "none", "context": "ZG9jdG9y"}
	var denied []string
	for _, step := range append([]string{"datakey/plaintext", "decrypt", "rewrap"}, more...) {
		status, err := e.tryAs(ctx, http.MethodPut, e.options.Mount+"/"+step+"/"+key, bad)
		switch {
		case err != nil || status >= http.StatusInternalServerError:
			e.found.Fail("vault: policy", fmt.Sprintf("%s on %s: %d, %v", step, what, status, err), "see Vault's log")
			return
		case status == http.StatusForbidden:
			denied = append(denied, step)
		case status == http.StatusNotFound:
			e.found.Fail("vault: transit", "there is no transit engine at "+e.options.Mount, "vault secrets enable -path="+e.options.Mount+" transit, or correct keys.vault.mount")
			return
		}
	}
	if len(denied) > 0 {
		e.found.Fail("vault: policy", "it does not let Raven do "+strings.Join(denied, ", ")+" on "+what, "give the login deploy/vault/runtime.hcl, with keys.vault.mount and the names of your keys in it")
		return
	}
	e.found.OK("vault: policy", "it lets Raven use "+what)
}

// breadth tries what Raven must not be able to do, on a key that there is not.
func (e *examination) breadth(ctx context.Context) {
	nobody := "raven-doctor-no-such-key"
	var allowed []string
	for what, path := range map[string]string{
		"read keys": e.options.Mount + "/keys/" + nobody, "export keys": e.options.Mount + "/export/encryption-key/" + nobody,
		"back keys up": e.options.Mount + "/backup/" + nobody, "list mounts": "sys/mounts",
	} {
		if status, err := e.tryAs(ctx, http.MethodGet, path, nil); err == nil && status != http.StatusForbidden {
			allowed = append(allowed, what)
		}
	}
	if len(allowed) > 0 {
		e.found.Warn("vault: policy", "it lets Raven "+strings.Join(allowed, ", ")+" as well", "take away all but deploy/vault/runtime.hcl")
		return
	}
	e.found.OK("vault: policy", "it lets Raven do nothing else that was tried")
}

// tryAs sends a request as the login and returns the status of its answer; the
// error says that there was none.
func (e *examination) tryAs(ctx context.Context, method, path string, body any) (status int, err error) {
	err = e.loggedIn(ctx, func(ctx context.Context, l *login) error {
		r := l.client.NewRequest(method, "/v1/"+path)
		if body != nil {
			if err := r.SetJSONBody(body); err != nil {
				return err
			}
		}
		resp, err := l.client.RawRequestWithContext(ctx, r) //nolint:staticcheck // as the rest of the adapter does
		if resp != nil {
			status = resp.StatusCode
			_ = resp.Body.Close()
		}
		return err
	})
	if status != 0 {
		return status, nil
	}
	return status, err
}

func (e *examination) certificate(ctx context.Context) {
	u, err := url.Parse(e.options.Address)
	if err != nil || u.Scheme != "https" {
		return
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: e.options.Timeout}, Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // only when it ends is looked at; the login verifies it
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return // what is wrong is said where it is used
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	c, ok := conn.(*tls.Conn)
	if !ok || len(c.ConnectionState().PeerCertificates) == 0 {
		return
	}
	if ends := c.ConnectionState().PeerCertificates[0].NotAfter; time.Until(ends) < certificateSoon {
		e.found.Warn("vault: TLS", "the certificate ends on "+ends.UTC().Format(time.DateOnly), "renew it")
	}
}
