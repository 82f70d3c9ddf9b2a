package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

const selectDataKeys = `SELECT version, provider, wrapped, created_at FROM data_keys
	WHERE tenant = ? AND destroyed = 0 ORDER BY version`

func dataKeyFields(k *core.WrappedKey) []any {
	return []any{&k.Version, &k.Provider, &k.Wrapped, at{&k.CreatedAt}}
}

func (t *txn) addDataKeys(keys []core.WrappedKey) error {
	for _, k := range keys {
		err := t.exec(`INSERT INTO data_keys (tenant, version, provider, wrapped, created_at, destroyed) VALUES (?, ?, ?, ?, ?, 0)`,
			t.tenant, k.Version, k.Provider, bytesOf(k.Wrapped), ms(k.CreatedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// shredDataKeys overwrites those of the tenant's wrapped keys that are meant
// where they are, and has the log cut after the commit. It tells how many.
func (t *txn) shredDataKeys(which string, values ...any) (int64, error) {
	n, err := t.affect(`UPDATE data_keys SET wrapped = zeroblob(length(wrapped)), destroyed = 1
		WHERE tenant = ? AND destroyed = 0`+which, append([]any{t.tenant}, values...)...)
	if n > 0 {
		t.store.writer.shred = true
	}
	return n, err
}

// replaceDataKey puts a wrapped key in another one's place, if that is there.
func (t *txn) replaceDataKey(was []byte, now core.WrappedKey) error {
	n, err := t.shredDataKeys(` AND version = ? AND wrapped = ?`, now.Version, bytesOf(was))
	if err != nil {
		return err
	}
	if n == 0 {
		return versionConflict()
	}
	return t.addDataKeys([]core.WrappedKey{now})
}

// DataKeys lists the tenant's wrapped keys.
func (s *Store) DataKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	return view(ctx, s, func(q session) ([]core.WrappedKey, error) {
		id, err := one(q, itself[int64], selectTenantID, tenant)
		if err != nil {
			return nil, err
		}
		return list(q, dataKeyFields, selectDataKeys, id)
	})
}

// InitDeployment keeps d if there is none.
func (s *Store) InitDeployment(ctx context.Context, d core.Deployment) (core.Deployment, error) {
	return ownStep(ctx, s, core.Op{}, func(t *txn) (core.Deployment, error) {
		kept, err := deployment(t.session)
		if err == nil || !absent(err) {
			return kept, err
		}
		err = t.exec(`INSERT INTO deployment (id, deployment, created_at) VALUES (1, ?, ?)`, d.ID, ms(d.CreatedAt))
		if err != nil {
			return kept, err
		}
		if err := t.addDataKeys(d.DataKeys); err != nil {
			return kept, err
		}
		if err := t.noteRotating(core.DeploymentTenant); err != nil {
			return kept, err
		}
		if err := t.addKeyChecks(d.KeyChecks); err != nil {
			return kept, err
		}
		return deployment(t.session)
	})
}

// Deployment returns the one there is.
func (s *Store) Deployment(ctx context.Context) (core.Deployment, error) {
	return view(ctx, s, deployment)
}

// AddKeyChecks adds check values of keyring versions.
func (s *Store) AddKeyChecks(ctx context.Context, checks map[uint32]string) error {
	return ownAct(ctx, s, core.Op{}, func(t *txn) error { return t.addKeyChecks(checks) })
}

func (t *txn) addKeyChecks(checks map[uint32]string) error {
	for version, value := range checks {
		err := t.exec(`INSERT INTO key_checks (version, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, version, value)
		if err != nil {
			return err
		}
	}
	return nil
}

func deployment(q session) (d core.Deployment, err error) {
	err = q.get(`SELECT deployment, created_at FROM deployment WHERE id = 1`, nil, &d.ID, at{&d.CreatedAt})
	if err != nil {
		return d, err
	}
	if d.DataKeys, err = list(q, dataKeyFields, selectDataKeys, 0); err != nil {
		return d, err
	}
	type check struct {
		version uint32
		value   string
	}
	of := func(c *check) []any { return []any{&c.version, &c.value} }
	d.KeyChecks = map[uint32]string{}
	keep := func(c check) bool { d.KeyChecks[c.version] = c.value; return true }
	err = each(q, of, keep, `SELECT version, value FROM key_checks ORDER BY version`)
	return d, err
}
