// Package vault wraps data keys by transit keys in HashiCorp Vault: one for each
// tenant, which is the tenant's own to rotate, disable and destroy, or one of
// the operator's for all of them.
//
// Vault never gives a transit key out. Raven has it make a data key, open a
// wrapped one, and wrap one again by the newest version, and may do nothing
// else. Transit keys are made "derived": the tenant's id is the context that
// they derive the key from which wraps. The rest of what a wrapped key is bound
// to is bound by a commitment beside it; see wrappedKey.
package vault

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/raven-memory/raven/core"
)

// Client is a login at a Vault, which it renews, and takes anew when it ends,
// until it is closed. Safe for concurrent use. It never prints.
type Client struct {
	options   Options
	transport *http.Transport
	conn      connection
	session   *session
	breaker   *breaker
	close     func()
}

// Open makes a client. It fails where an option can't be right, and asks Vault
// nothing: that may be down, and is logged in to when it is there.
func Open(o Options) (*Client, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	c := &Client{options: o, transport: transport, breaker: &breaker{clock: o.Clock}}
	c.conn = connection{address: o.Address, namespace: o.Namespace, http: newHTTPClient(o.Through(transport), o.Timeout)}
	if _, err := c.conn.as(""); err != nil {
		return nil, err
	}
	c.session = newSession(c.conn, o)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { c.session.keep(ctx) })
	c.close = sync.OnceFunc(func() {
		cancel()
		done.Wait()
		transport.CloseIdleConnections()
	})
	return c, nil
}

// Close ends the renewal; the login ends by itself. Requests that still come
// fail or not.
func (c *Client) Close() error {
	c.close()
	return nil
}

// Format keeps tokens out of logs.
func (c *Client) Format(f fmtState, _ rune) { redact(f) }

// Tenant gives the provider of tenants' own keys, one transit key each.
func (c *Client) Tenant() *TenantKeys {
	return &TenantKeys{keys{client: c, provider: "vault", name: c.options.keyOf}}
}

// Platform gives the provider of the operator's one transit key.
func (c *Client) Platform() *PlatformKeys {
	name := func(core.TenantID) string { return c.options.PlatformKey }
	return &PlatformKeys{keys{client: c, provider: "vault-platform", name: name}}
}

// post has Vault do something and reads the data of its answer, within the
// timeout. An error is one that translate takes.
func (c *Client) post(ctx context.Context, path string, body, data any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	leave, err := c.breaker.enter()
	if err != nil {
		return err
	}
	err = c.loggedIn(ctx, func(ctx context.Context, l *login) error {
		return post(ctx, l.client, path, body, data)
	})
	leave(outcomeOf(ctx, err))
	return err
}

// loggedIn does something that needs a login, once more after a new one when
// the token has ended. Both a token that has ended and a policy that does not
// allow a thing are answered 403; only the second lets the token ask about
// itself.
func (c *Client) loggedIn(ctx context.Context, do func(context.Context, *login) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	l, err := c.session.use(ctx, nil)
	if err != nil {
		return err
	}
	refused := do(ctx, l)
	if !answered(refused, http.StatusForbidden) {
		return refused
	}
	switch err := lookupSelf(ctx, l.client, nil); {
	case err == nil:
		return refused
	case !answered(err, http.StatusForbidden):
		return err
	}
	if l, err = c.session.use(ctx, l); err != nil {
		return err
	}
	return do(ctx, l)
}

// Broken reports whether Vault is not asked for a while, because it failed
// several times in a row.
func (c *Client) Broken() bool { return c.breaker.open() }

// Health is nil when Vault is unsealed and the login holds. A transit key that
// is missing is not its concern.
func (c *Client) Health(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := c.loggedIn(ctx, func(ctx context.Context, l *login) error { return lookupSelf(ctx, l.client, nil) })
	c.breaker.report(outcomeOf(ctx, err))
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return unreachable(err)
}

// discard is where a client without a log writes.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
