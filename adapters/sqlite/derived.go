package sqlite

import (
	"context"
	"encoding/json"
	"math"

	"github.com/raven-memory/raven/core"
)

const (
	derivedColumns = `derived, conversation, first, last, parts, version, key_version, size, id`
	derivedOfUser  = ` FROM derived WHERE user = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?`

	// dropDerived removes what was computed from some of these numbers of a
	// conversation, or from all there was.
	dropDerived = `DELETE FROM derived WHERE id IN (
		SELECT derived FROM derived_parts WHERE user = ?1 AND conversation = ?2
			AND EXISTS (SELECT 1 FROM json_each(?3) WHERE value BETWEEN first AND last)
		UNION ALL SELECT derived FROM derived_parts WHERE user = ?1 AND conversation = '')`
	dropDerivedOfConversation = `DELETE FROM derived WHERE id IN (
		SELECT derived FROM derived_parts WHERE user = ? AND conversation = ?)`
)

// PutDerived adds and removes derived records in one step.
func (s *Store) PutDerived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID) error {
	return act(ctx, s, tenant, core.Op{}, func(t *txn) error {
		id, err := one(t.session, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return err
		}
		if err := core.CheckDerived(kind, add); err != nil {
			return err
		}
		if err := t.checkForgotten(id, add); err != nil {
			return err
		}
		for _, old := range replaces {
			if err := t.exec(`DELETE FROM derived WHERE user = ? AND derived = ? AND kind = ?`, id, old, kind); err != nil {
				return err
			}
		}
		for i := range add {
			if err := t.addDerived(id, kind, &add[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkForgotten is CodeVersionConflict when something that a record may hold was
// forgotten after its version, or nobody can tell any more.
func (t *txn) checkForgotten(user int64, add []core.DerivedRecord) error {
	if len(add) == 0 {
		return nil
	}
	var oldest, newest int64
	err := t.get(`SELECT coalesce(min(version), 0), coalesce(max(version), 0) FROM changes WHERE user = ?`, args{user}, &oldest, &newest)
	if err != nil {
		return err
	}
	since := int64(math.MaxInt64)
	for i := range add {
		version := add[i].Version
		if version > newest || version < newest && version+1 < oldest {
			return versionConflict()
		}
		since = min(since, version)
	}
	forgot := func(c *core.Change) []any { return []any{&c.Version, &c.Kind, &c.Conversation} }
	changes, err := list(t.session, forgot, `SELECT version, kind, conversation FROM changes
		WHERE user = ? AND version > ? AND kind IN (?, ?, ?)`,
		user, since, core.ChangeForgotten, core.ChangeConversationDeleted, core.ChangeCleared)
	if err != nil {
		return err
	}
	for _, c := range changes {
		for i := range add {
			if c.Version > add[i].Version && add[i].MayHold(c) {
				return versionConflict()
			}
		}
	}
	return nil
}

func (t *txn) addDerived(user int64, kind core.DerivedKind, d *core.DerivedRecord) error {
	var parts any
	if len(d.Parts) > 0 {
		text, err := json.Marshal(d.Parts)
		if err != nil {
			return err
		}
		parts = string(text)
	}
	if err := t.exec(`DELETE FROM derived WHERE user = ? AND derived = ?`, user, d.ID); err != nil {
		return err
	}
	id, err := t.insert(`INSERT INTO derived (user, derived, kind, conversation, first, last, parts, version, key_version, size, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		user, d.ID, kind, d.Conversation, d.First, d.Last, parts, d.Version, d.KeyVersion, len(d.Sealed), bytesOf(d.Sealed))
	if err != nil {
		return err
	}
	stretches := d.Stretches()
	if len(stretches) == 0 {
		stretches = []core.DerivedPart{{}} // all
	}
	for _, p := range stretches {
		err := t.exec(`INSERT INTO derived_parts (user, conversation, first, last, derived) VALUES (?, ?, ?, ?, ?)`,
			user, p.Conversation, p.First, p.Last, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetDerived removes what was computed from those numbers of a conversation,
// named by the id that callers know it by.
func (t *txn) forgetDerived(user int64, place core.ConversationID, numbers []int64) error {
	text, err := json.Marshal(numbers)
	if err != nil {
		return err
	}
	return t.exec(dropDerived, user, place, string(text))
}

// Derived lists derived records by Position.
func (s *Store) Derived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, page core.Page, payload bool) ([]core.DerivedRecord, error) {
	of := func(d *core.DerivedRecord) []any {
		d.User, d.Kind = user, kind
		return []any{
			&d.ID, &d.Conversation, &d.First, &d.Last, inJSON{&d.Parts}, &d.Version, &d.KeyVersion, &d.Size, &d.Position, &d.Sealed,
		}
	}
	query := `SELECT ` + derivedColumns + `, x''` + derivedOfUser
	if payload {
		query = `SELECT ` + derivedColumns + `, sealed` + derivedOfUser
	}
	return view(ctx, s, func(q session) ([]core.DerivedRecord, error) {
		id, err := one(q, itself[int64], selectUserID, tenant, user)
		if err == nil {
			err = core.CheckDerived(kind, nil)
		}
		if err != nil {
			return nil, err
		}
		return list(q, of, query, id, kind, page.After, max(page.Limit, 0))
	})
}
