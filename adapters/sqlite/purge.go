package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

const everything = -1 // as a LIMIT

// userTables delete what a user owns, at most so many rows; a table that others
// refer to comes after those.
var userTables = []string{
	`DELETE FROM buffer WHERE id IN (SELECT id FROM buffer WHERE user = ? LIMIT ?)`,
	`DELETE FROM blobs WHERE id IN (SELECT id FROM blobs WHERE user = ? LIMIT ?)`,
	`DELETE FROM derived WHERE id IN (SELECT id FROM derived WHERE user = ? LIMIT ?)`,
	`DELETE FROM conversations WHERE id IN (SELECT id FROM conversations WHERE user = ? LIMIT ?)`,
	`DELETE FROM changes WHERE user = ?1 AND version IN (SELECT version FROM changes WHERE user = ?1 LIMIT ?2)`,
	`DELETE FROM users WHERE id IN (SELECT id FROM users WHERE id = ? LIMIT ?)`,
}

// tenantTables delete what a tenant owns beside its users.
var tenantTables = []string{
	`DELETE FROM operations WHERE tenant = ?1 AND operation IN (SELECT operation FROM operations WHERE tenant = ?1 LIMIT ?2)`,
	`DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency WHERE tenant = ? LIMIT ?)`,
	`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE tenant = ? LIMIT ?)`,
	`DELETE FROM delivery_logs WHERE tenant IN (SELECT tenant FROM delivery_logs WHERE tenant = ? LIMIT ?)`,
	`DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE tenant = ? LIMIT ?)`,
}

// PurgeTenants removes rows of deleted tenants. Their wrapped keys were
// overwritten; the overwritten rows stay, see the schema.
func (s *Store) PurgeTenants(ctx context.Context, limit int) (done bool, err error) {
	return ownStep(ctx, s, core.Op{}, func(t *txn) (bool, error) {
		p := purge{t.session, int64(max(limit, 1))}
		for {
			tenant, err := one(t.session, itself[int64], `SELECT id FROM tenants WHERE deleted_at IS NOT NULL AND purged = 0 LIMIT 1`)
			if absent(err) {
				return true, nil
			}
			if err != nil || p.left <= 0 {
				return false, err
			}
			if err := p.tenant(tenant); err != nil {
				return false, err
			}
		}
	})
}

// purge deletes rows until so many are gone.
type purge struct {
	session
	left int64
}

func (p *purge) tenant(id int64) error {
	for p.left > 0 {
		user, err := one(p.session, itself[int64], `SELECT id FROM users WHERE tenant = ? LIMIT 1`, id)
		if absent(err) {
			break
		}
		if err != nil {
			return err
		}
		if err := p.rows(userTables, user); err != nil {
			return err
		}
	}
	if err := p.rows(tenantTables, id); err != nil || p.left <= 0 {
		return err
	}
	p.left--
	if err := p.exec(`UPDATE tenants SET purged = 1 WHERE id = ?`, id); err != nil {
		return err
	}
	return (&txn{session: p.session, tenant: id}).vanish()
}

func (p *purge) rows(deletes []string, owner int64) error {
	for _, query := range deletes {
		if p.left <= 0 {
			return nil
		}
		n, err := p.affect(query, owner, p.left)
		if err != nil {
			return err
		}
		p.left -= n
	}
	return nil
}
