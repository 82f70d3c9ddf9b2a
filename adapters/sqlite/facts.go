package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// WriteFacts changes a user's facts in one step. What is deleted and rewritten
// comes before what is added, so that a key can change hands.
func (s *Store) WriteFacts(ctx context.Context, tenant core.TenantID, op core.Op, f core.FactStep) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		user, err := one(t.session, itself[int64], selectUserID, tenant, f.User)
		if err != nil {
			return err
		}
		w := factWriter{txn: t, user: user}
		if err := w.write(f); err != nil {
			return err
		}
		if err := t.count(w.use); err != nil {
			return err
		}
		return t.record(f.Events...)
	})
}

// factWriter is the inside of WriteFacts.
type factWriter struct {
	*txn
	user int64
	use  core.Usage
}

func (w *factWriter) write(f core.FactStep) error {
	if err := w.checkKeys(f.Keys); err != nil {
		return err
	}
	for _, d := range f.Deleted {
		if err := w.remove(d); err != nil {
			return err
		}
	}
	for _, r := range f.Rewritten {
		if err := w.rewrite(r); err != nil {
			return err
		}
	}
	for _, b := range f.Added {
		if err := w.add(b); err != nil {
			return err
		}
	}
	if err := w.moveKeys(f.Keys); err != nil {
		return err
	}
	return w.checkRoom(f)
}

func (w *factWriter) checkRoom(f core.FactStep) error {
	if len(f.Added) == 0 {
		return nil
	}
	has, err := one(w.session, itself[int64], `SELECT count(*) FROM blobs WHERE user = ? AND conversation IS NULL`, w.user)
	if err != nil || has <= f.Max {
		return err
	}
	use := core.QuotaUse{Name: "max_facts", Limit: f.Max, Used: has - int64(len(f.Added)) + int64(len(f.Deleted))}
	refused := core.NewError(core.CodeQuotaExhausted, "The quota %s is used up: %d of %d.", use.Name, use.Used, use.Limit)
	refused.Quota = &use
	return refused
}

// checkKeys wants every key to be held as the step believes.
func (w *factWriter) checkKeys(keys []core.FactKeyMove) error {
	for _, k := range keys {
		holder, err := one(w.session, itself[core.BlobID],
			`SELECT b.blob FROM fact_keys k JOIN blobs b ON b.id = k.blob WHERE k.user = ? AND k.key = ?`, w.user, k.Key)
		if err != nil && !absent(err) {
			return err
		}
		if holder != k.Was {
			return versionConflict()
		}
	}
	return nil
}

func (w *factWriter) moveKeys(keys []core.FactKeyMove) error {
	for _, k := range keys {
		if err := w.exec(`DELETE FROM fact_keys WHERE user = ? AND key = ?`, w.user, k.Key); err != nil {
			return err
		}
		if k.Now == "" {
			continue
		}
		n, err := w.affect(`INSERT INTO fact_keys (user, key, blob)
			SELECT ?1, ?2, id FROM blobs WHERE user = ?1 AND blob = ?3 AND conversation IS NULL`, w.user, k.Key, k.Now)
		if err != nil {
			return err
		}
		if n == 0 {
			return core.NotFound()
		}
	}
	return nil
}

// fact finds one of the user's; CodeVersionConflict when it is not there in
// that version.
func (w *factWriter) fact(id core.BlobID, ifVersion int64) (b stored, err error) {
	of := func(b *stored) []any { return []any{&b.blob, &b.version, &b.size} }
	b, err = one(w.session, of, `SELECT id, version, size FROM blobs WHERE user = ? AND blob = ? AND conversation IS NULL`, w.user, id)
	if absent(err) || err == nil && b.version != ifVersion {
		err = versionConflict()
	}
	return b, err
}

func (w *factWriter) remove(d core.FactDelete) error {
	old, err := w.fact(d.ID, d.IfVersion)
	if err != nil {
		return err
	}
	w.use.Blobs--
	w.use.BlobBytes -= old.size
	if err := w.exec(`DELETE FROM blobs WHERE id = ?`, old.blob); err != nil {
		return err
	}
	return w.touched(d.ID)
}

func (w *factWriter) rewrite(r core.FactRewrite) error {
	old, err := w.fact(r.New.ID, r.IfVersion)
	if err != nil {
		return err
	}
	w.use.BlobBytes += int64(len(r.New.Sealed)) - old.size
	if err := w.replaceBlob(old, r.New); err != nil {
		return err
	}
	return w.touched(r.New.ID)
}

func (w *factWriter) add(b core.BlobRecord) error {
	if !b.ID.Valid() {
		return core.NotFound()
	}
	w.use.Blobs++
	w.use.BlobBytes += int64(len(b.Sealed))
	if err := w.insertBlob(w.user, nil, b); err != nil {
		return err
	}
	return w.touched(b.ID)
}

func (w *factWriter) touched(id core.BlobID) error {
	return w.change(w.user, core.Change{Kind: core.ChangeFact, Blob: id})
}

// Facts lists the user's facts by Position.
func (s *Store) Facts(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BlobRecord, error) {
	return view(ctx, s, func(q session) ([]core.BlobRecord, error) {
		id, err := one(q, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return nil, err
		}
		return list(q, blobOf(user), selectBlob+withPayload+blobsOf+`b.user = ? AND b.conversation IS NULL AND b.id > ?
			ORDER BY b.id LIMIT ?`, id, page.After, max(page.Limit, 0))
	})
}
