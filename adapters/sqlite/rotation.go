package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// onKeys is a step on the data keys of a tenant, or of the deployment.
func onKeys[T any](ctx context.Context, s *Store, tenant core.TenantID, op core.Op, run func(*txn) (T, error)) (T, error) {
	if tenant != core.DeploymentTenant {
		return step(ctx, s, tenant, op, run)
	}
	return ownStep(ctx, s, op, func(t *txn) (outcome T, err error) {
		if _, err := keyOwner(t.session, tenant); err != nil {
			return outcome, err
		}
		return run(t)
	})
}

// actOnKeys is onKeys without an outcome.
func actOnKeys(ctx context.Context, s *Store, tenant core.TenantID, op core.Op, run func(*txn) error) error {
	_, err := onKeys(ctx, s, tenant, op, func(t *txn) (none, error) { return none{}, run(t) })
	return err
}

// AddDataKey adds a data key and puts the index key under it.
func (s *Store) AddDataKey(ctx context.Context, tenant core.TenantID, op core.Op, a core.DataKeyAddition) error {
	return actOnKeys(ctx, s, tenant, op, func(t *txn) error { return t.addDataKey(tenant, a) })
}

func (t *txn) addDataKey(tenant core.TenantID, a core.DataKeyAddition) error {
	newest, err := t.newestDataKey()
	if err != nil {
		return err
	}
	if int64(a.Key.Version) <= newest {
		return versionConflict()
	}
	index := a.Index
	index.Version = core.IndexKeyVersion
	if err := t.replaceDataKey(a.IndexWas, index); err != nil {
		return err
	}
	if err := t.addDataKeys([]core.WrappedKey{a.Key}); err != nil {
		return err
	}
	if err := t.setReencryption(tenant, a.Reencryption); err != nil {
		return err
	}
	return t.record(a.Events...)
}

// newestDataKey is the highest version there is, -1 for none.
func (t *txn) newestDataKey() (int64, error) {
	return one(t.session, itself[int64],
		`SELECT coalesce(max(version), -1) FROM data_keys WHERE tenant = ? AND destroyed = 0`, t.tenant)
}

// RewrapDataKey puts another wrapped form in a key's place.
func (s *Store) RewrapDataKey(ctx context.Context, tenant core.TenantID, was, now core.WrappedKey) error {
	return actOnKeys(ctx, s, tenant, core.Op{}, func(t *txn) error {
		if now.Version != was.Version {
			return versionConflict()
		}
		return t.replaceDataKey(was.Wrapped, now)
	})
}

// DestroyDataKey overwrites a wrapped key, so that no file has it any more.
func (s *Store) DestroyDataKey(ctx context.Context, tenant core.TenantID, version uint32) error {
	return actOnKeys(ctx, s, tenant, core.Op{}, func(t *txn) error {
		newest, err := t.newestDataKey()
		if err != nil {
			return err
		}
		if version == core.IndexKeyVersion || int64(version) == newest {
			return versionConflict()
		}
		if _, err := t.shredDataKeys(` AND version = ?`, version); err != nil {
			return err
		}
		return t.noteRotating(tenant)
	})
}

// destroyKeys destroys all data keys of a tenant that goes.
func (t *txn) destroyKeys(tenant core.TenantID) error {
	if _, err := t.shredDataKeys(``); err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM reencryptions WHERE tenant = ?`, t.tenant); err != nil {
		return err
	}
	return t.noteRotating(tenant)
}

// Reencryption is how far the re-encryption has come.
func (s *Store) Reencryption(ctx context.Context, tenant core.TenantID) (core.Reencryption, error) {
	of := func(r *core.Reencryption) []any {
		return []any{&r.State, &r.Version, &r.Done, &r.Total, at{&r.StartedAt}}
	}
	return view(ctx, s, func(q session) (core.Reencryption, error) {
		id, err := keyOwner(q, tenant)
		if err != nil {
			return core.Reencryption{}, err
		}
		r, err := one(q, of, `SELECT state, version, done, total, started_at FROM reencryptions WHERE tenant = ?`, id)
		if absent(err) {
			return core.Reencryption{}, nil
		}
		return r, err
	})
}

// keyOwner is who has data keys: a tenant, or 0 for the deployment.
func keyOwner(q session, tenant core.TenantID) (int64, error) {
	if tenant == core.DeploymentTenant {
		return one(q, itself[int64], `SELECT 0 FROM deployment WHERE id = 1`)
	}
	return one(q, itself[int64], selectTenantID, tenant)
}

// SetReencryption keeps it.
func (s *Store) SetReencryption(ctx context.Context, tenant core.TenantID, r core.Reencryption) error {
	return actOnKeys(ctx, s, tenant, core.Op{}, func(t *txn) error { return t.setReencryption(tenant, r) })
}

func (t *txn) setReencryption(tenant core.TenantID, r core.Reencryption) error {
	err := t.exec(`INSERT OR REPLACE INTO reencryptions (tenant, state, version, done, total, started_at) VALUES (?, ?, ?, ?, ?, ?)`,
		t.tenant, r.State, r.Version, r.Done, r.Total, ms(r.StartedAt))
	if err != nil {
		return err
	}
	return t.noteRotating(tenant)
}

// noteRotating lists the tenant, or not, as its data keys and re-encryption are now.
func (t *txn) noteRotating(tenant core.TenantID) error {
	rotating, err := t.exists(`SELECT 1 WHERE
		(SELECT count(*) FROM data_keys WHERE tenant = ?1 AND version > ?2 AND destroyed = 0) > 1
		OR EXISTS (SELECT 1 FROM reencryptions WHERE tenant = ?1 AND state IN (?3, ?4))`,
		t.tenant, core.IndexKeyVersion, core.ReencryptionRunning, core.ReencryptionFailed)
	if err != nil {
		return err
	}
	if rotating {
		return t.exec(`INSERT INTO rotating (tenant) VALUES (?) ON CONFLICT DO NOTHING`, tenant)
	}
	return t.exec(`DELETE FROM rotating WHERE tenant = ?`, tenant)
}

// Rotating lists who has something to re-encrypt or to destroy.
func (s *Store) Rotating(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return look(ctx, s, func(q session) ([]core.TenantID, error) {
		return list(q, itself[core.TenantID], `SELECT tenant FROM rotating WHERE tenant > ? ORDER BY tenant LIMIT ?`,
			after, max(limit, 0))
	})
}
