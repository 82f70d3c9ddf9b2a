package vault

import (
	"bytes"
	"context"
	"fmt"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

var (
	_ ports.WrappingKeys = (*TenantKeys)(nil)
	_ ports.PlatformKeys = (*PlatformKeys)(nil)
)

// TenantKeys implements ports.WrappingKeys by a transit key for each tenant.
type TenantKeys struct{ keys }

// KeyName is what Vault knows the tenant's transit key by.
func (k *TenantKeys) KeyName(tenant core.TenantID) string { return k.name(tenant) }

// NewDataKey has Vault make a data key. A transit key that is missing is made
// where the client may: so that it must not be asked for a tenant whose data
// keys no longer open, who has destroyed it.
func (k *TenantKeys) NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error) {
	plain, wrapped, err = k.keys.NewDataKey(ctx, tenant, version)
	if !isMissing(err) || !isTenant(tenant) || k.client.options.ProvisionToken == "" {
		return plain, wrapped, err
	}
	if err := k.provision(ctx, tenant); err != nil {
		return nil, nil, translate(ctx, err)
	}
	return k.keys.NewDataKey(ctx, tenant, version)
}

// provision makes the tenant's transit key. It does nothing when there is one.
func (k *TenantKeys) provision(ctx context.Context, tenant core.TenantID) error {
	c := k.client
	limited, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	provisioner, err := c.conn.as(c.options.ProvisionToken)
	if err != nil {
		return err
	}
	request := struct {
		Type    string `json:"type"`
		Derived bool   `json:"derived"`
	}{"aes256-gcm96", true}
	if err := post(limited, provisioner, k.path("keys", tenant), request, nil); err != nil {
		return fmt.Errorf("vault: make the transit key %s: %w", k.name(tenant), err)
	}
	return nil
}

// PlatformKeys implements ports.PlatformKeys by one transit key, from which
// Vault derives one for each tenant.
type PlatformKeys struct{ keys }

// Wrap wraps a data key that was made elsewhere.
func (k *PlatformKeys) Wrap(ctx context.Context, tenant core.TenantID, version uint32, plain []byte) ([]byte, error) {
	if !isTenant(tenant) {
		return nil, unavailable(noTenant(tenant))
	}
	w := wrappedKey{version: version}
	if err := w.commit(plain, k.provider, tenant); err != nil {
		return nil, unavailable(err)
	}
	var made struct{ Ciphertext string }
	if err := k.client.post(ctx, k.path("encrypt", tenant), request{Context: []byte(tenant), Plaintext: plain}, &made); err != nil {
		return nil, translate(ctx, err)
	}
	if err := w.setText(made.Ciphertext); err != nil {
		return nil, translate(ctx, err)
	}
	return w.bytes(), nil
}

// keys is what both have in common.
type keys struct {
	client   *Client
	provider string
	name     func(core.TenantID) string // of the tenant's transit key
}

// request is the body of what the transit engine is asked for. The JSON form of
// bytes is base 64.
type request struct {
	Context    []byte `json:"context"`
	Plaintext  []byte `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
}

// Provider names the provider: "vault", or "vault-platform".
func (k *keys) Provider() string { return k.provider }

// Health is nil when Vault is unsealed and lets Raven in.
func (k *keys) Health(ctx context.Context) error { return k.client.Health(ctx) }

// NewDataKey has Vault make a data key.
func (k *keys) NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error) {
	if !isTenant(tenant) {
		return nil, nil, unavailable(noTenant(tenant))
	}
	var made struct {
		Plaintext  []byte
		Ciphertext string
	}
	if err := k.client.post(ctx, k.path("datakey/plaintext", tenant), request{Context: []byte(tenant)}, &made); err != nil {
		return nil, nil, translate(ctx, err)
	}
	w := wrappedKey{version: version}
	if err = w.setText(made.Ciphertext); err == nil {
		err = w.commit(made.Plaintext, k.provider, tenant)
	}
	if err != nil {
		clear(made.Plaintext)
		return nil, nil, translate(ctx, err)
	}
	return made.Plaintext, w.bytes(), nil
}

// Unwrap has Vault open a data key.
func (k *keys) Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	w, err := k.read(ctx, tenant, version, wrapped)
	if err != nil {
		return nil, err
	}
	return k.open(ctx, tenant, w)
}

// Rewrap has Vault wrap a data key by the newest version of the transit key,
// and opens the outcome before that may take the other's place.
func (k *keys) Rewrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	w, err := k.read(ctx, tenant, version, wrapped)
	if err != nil {
		return nil, err
	}
	var made struct{ Ciphertext string }
	err = k.client.post(ctx, k.path("rewrap", tenant), request{Context: []byte(tenant), Ciphertext: w.text()}, &made)
	if err != nil {
		return nil, translate(ctx, err)
	}
	was := w.transit
	if err := w.setText(made.Ciphertext); err != nil {
		return nil, translate(ctx, err)
	}
	plain, err := k.open(ctx, tenant, w)
	clear(plain)
	switch {
	case err != nil:
		return nil, err
	case w.transit == was:
		return bytes.Clone(wrapped), nil
	default:
		return w.bytes(), nil
	}
}

// WrappedBy is the version of the transit key that wrapped.
func (*keys) WrappedBy(wrapped []byte) uint32 {
	w, ok := parseWrapped(wrapped)
	if !ok {
		return 0
	}
	return w.transit
}

// read refuses what need not be shown to Vault.
func (*keys) read(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) (wrappedKey, error) {
	if err := ctx.Err(); err != nil {
		return wrappedKey{}, err
	}
	if !isTenant(tenant) {
		return wrappedKey{}, unavailable(noTenant(tenant))
	}
	w, ok := parseWrapped(wrapped)
	if !ok || w.version != version {
		return wrappedKey{}, unavailable(errNotWrapped)
	}
	return w, nil
}

func (k *keys) open(ctx context.Context, tenant core.TenantID, w wrappedKey) ([]byte, error) {
	var opened struct{ Plaintext []byte }
	err := k.client.post(ctx, k.path("decrypt", tenant), request{Context: []byte(tenant), Ciphertext: w.text()}, &opened)
	if err != nil {
		return nil, translate(ctx, err)
	}
	if !w.commits(opened.Plaintext, k.provider, tenant) {
		clear(opened.Plaintext)
		return nil, unavailable(errNotWrapped)
	}
	return opened.Plaintext, nil
}

// path is the only builder of paths: below the mount, which Open has checked,
// with the name of a key that was made of a checked id.
func (k *keys) path(do string, tenant core.TenantID) string {
	return k.client.options.Mount + "/" + do + "/" + k.name(tenant)
}

func noTenant(tenant core.TenantID) error {
	return fmt.Errorf("vault: %.40q is not a tenant's id", string(tenant))
}
