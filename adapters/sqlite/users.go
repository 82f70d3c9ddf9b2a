package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

const (
	userColumns = `u.user, coalesce(u.ref_key, ''), u.sealed, u.version, u.id, u.created_at, u.updated_at`
	ofTenant    = ` FROM tenants t JOIN users u ON u.tenant = t.id WHERE t.tenant = ? AND t.deleted_at IS NULL`
	selectUser  = `SELECT ` + userColumns + ofTenant + ` AND u.user = ?`
	selectUsers = `SELECT ` + userColumns + ` FROM users u WHERE u.tenant = ? AND u.id > ? ORDER BY u.id LIMIT ?`

	selectUserByRef = `SELECT ` + userColumns + ofTenant + ` AND u.ref_key = ?`
	selectUserID    = `SELECT u.id` + ofTenant + ` AND u.user = ?`
)

// userFields are the places of userColumns.
func userFields(r *core.UserRecord) []any {
	return []any{&r.ID, &r.RefKey, &r.Sealed, &r.Version, &r.Position, at{&r.CreatedAt}, at{&r.UpdatedAt}}
}

// CreateUser adds a user.
func (s *Store) CreateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.NewUser) (core.UserRecord, error) {
	return step(ctx, s, tenant, op, func(t *txn) (core.UserRecord, error) {
		if err := t.createUser(u); err != nil {
			return core.UserRecord{}, err
		}
		return one(t.session, userFields, selectUser, tenant, u.Record.ID)
	})
}

func (t *txn) createUser(u core.NewUser) error {
	r := u.Record
	if !r.ID.Valid() {
		return core.NotFound()
	}
	if err := t.refFree(`SELECT user FROM users WHERE tenant = ? AND ref_key = ?`, t.tenant, r.RefKey, "user"); err != nil {
		return err
	}
	use, flagged := core.QuotaUse{Name: "max_users"}, false
	err := t.get(`SELECT users, max_users, users_exhausted FROM tenants WHERE id = ?`, args{t.tenant}, &use.Used, &use.Limit, &flagged)
	if err != nil {
		return err
	}
	if use.Used >= use.Limit {
		return t.exhausted(use, flagged, `UPDATE tenants SET users_exhausted = 1 WHERE id = ?`, t.tenant, u.Exhausted)
	}
	err = t.exec(`INSERT INTO users (tenant, user, ref_key, sealed, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, r.ID, orNull(r.RefKey), bytesOf(r.Sealed), max(r.Version, 1), ms(r.CreatedAt), ms(r.UpdatedAt))
	if err != nil {
		return err
	}
	if err := t.count(core.Usage{Users: 1}); err != nil {
		return err
	}
	return t.record(u.Event)
}

// refFree fails when the owner has something with that reference already.
func (t *txn) refFree(query string, owner int64, refKey, what string) error {
	if refKey == "" {
		return nil
	}
	existing, err := one(t.session, itself[string], query, owner, refKey)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	taken := core.NewError(core.CodeExternalRefTaken, "A %s with this external_ref exists.", what)
	taken.ExistingID = existing
	return taken
}

// User returns one.
func (s *Store) User(ctx context.Context, tenant core.TenantID, id core.UserID) (core.UserRecord, error) {
	return seek(ctx, s, func(q session) (core.UserRecord, error) {
		return one(q, userFields, selectUser, tenant, id)
	})
}

// UserByRef returns the one with that reference.
func (s *Store) UserByRef(ctx context.Context, tenant core.TenantID, refKey string) (core.UserRecord, error) {
	return seek(ctx, s, func(q session) (core.UserRecord, error) {
		return one(q, userFields, selectUserByRef, tenant, orNull(refKey))
	})
}

// Users lists users by Position.
func (s *Store) Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error) {
	return view(ctx, s, func(q session) ([]core.UserRecord, error) {
		id, err := one(q, itself[int64], selectTenantID, tenant)
		if err != nil {
			return nil, err
		}
		return list(q, userFields, selectUsers, id, page.After, max(page.Limit, 0))
	})
}

// UpdateUser replaces the sealed part.
func (s *Store) UpdateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.UserUpdate) (core.UserRecord, error) {
	return step(ctx, s, tenant, op, func(t *txn) (core.UserRecord, error) {
		r, err := one(t.session, userFields, selectUser, tenant, u.ID)
		if err == nil && r.Version != u.IfVersion {
			err = versionConflict()
		}
		if err != nil {
			return r, err
		}
		err = t.exec(`UPDATE users SET sealed = ?, version = version + 1, updated_at = ? WHERE id = ?`,
			bytesOf(u.Sealed), ms(u.At), r.Position)
		if err == nil {
			err = t.record(u.Event)
		}
		if err != nil {
			return r, err
		}
		return one(t.session, userFields, selectUser, tenant, u.ID)
	})
}

// DeleteUser removes a user with all it has.
func (s *Store) DeleteUser(ctx context.Context, tenant core.TenantID, op core.Op, id core.UserID, event core.Event) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		user, err := one(t.session, itself[int64], selectUserID, tenant, id)
		if err != nil {
			return err
		}
		had, err := t.userHoldings(user)
		if err != nil {
			return err
		}
		for _, remove := range userTables {
			if err := t.exec(remove, user, everything); err != nil {
				return err
			}
		}
		had.Users = 1
		if err := t.count(negative(had)); err != nil {
			return err
		}
		if err := t.roomForUsers(); err != nil {
			return err
		}
		return t.record(withCounts(event, core.EventData{
			"conversations": had.Conversations, "interactions": had.Interactions, "blobs": had.Blobs,
		}))
	})
}

const (
	sumConversations = `SELECT count(*), coalesce(sum(interactions), 0), coalesce(sum(buffered), 0) FROM conversations`
	sumBlobs         = `SELECT count(*), coalesce(sum(size), 0) FROM blobs`
)

// userHoldings counts what a user has.
func (t *txn) userHoldings(user int64) (core.Usage, error) {
	return t.holdings(sumConversations+` WHERE user = ?`, sumBlobs+` WHERE user = ?`, user)
}

// conversationHoldings counts what a conversation has, itself included.
func (t *txn) conversationHoldings(conversation int64) (core.Usage, error) {
	return t.holdings(sumConversations+` WHERE id = ?`, sumBlobs+` WHERE conversation = ?`, conversation)
}

func (t *txn) holdings(conversations, blobs string, of int64) (u core.Usage, err error) {
	err = t.get(conversations, args{of}, &u.Conversations, &u.Interactions, &u.Buffered)
	if err != nil {
		return u, err
	}
	err = t.get(blobs, args{of}, &u.Blobs, &u.BlobBytes)
	return u, err
}

func negative(u core.Usage) core.Usage {
	return core.Usage{
		Users: -u.Users, Conversations: -u.Conversations, Interactions: -u.Interactions,
		Buffered: -u.Buffered, Blobs: -u.Blobs, BlobBytes: -u.BlobBytes,
	}
}
