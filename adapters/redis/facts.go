package redis

import (
	"context"
	"encoding/json"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// WriteFacts changes a user's facts in one step.
func (s *Store) WriteFacts(ctx context.Context, tenant core.TenantID, op core.Op, f core.FactStep) error {
	k, err := keysOfUser(tenant, f.User)
	if err != nil {
		return err
	}
	w := factArgs{userKeys: k}
	if err := w.take(f); err != nil {
		return err
	}
	keys := k.stepKeys(op, append([]string{
		k.hash(), k.changes(), k.blobs(), k.facts(), k.factHolders(), k.expiryBlobs(),
	}, w.keys...)...)
	_, err = s.run(ctx, writeFacts, keys, append(stepArgs(op, string(f.User), f.Max), w.args...)...)
	return err
}

// factArgs gathers the lists that the script takes, and the keys of the facts
// in them.
type factArgs struct {
	userKeys
	keys []string
	args []any
}

func (w *factArgs) take(f core.FactStep) error {
	w.args = append(w.args, len(f.Keys))
	for _, k := range f.Keys {
		w.args = append(w.args, k.Key, string(k.Was), string(k.Now))
	}
	w.args = append(w.args, len(f.Deleted))
	for _, d := range f.Deleted {
		if err := w.fact(d.ID, d.IfVersion); err != nil {
			return err
		}
	}
	w.args = append(w.args, len(f.Rewritten))
	for _, r := range f.Rewritten {
		if err := w.record(r.New, r.IfVersion); err != nil {
			return err
		}
	}
	w.args = append(w.args, len(f.Added))
	for _, b := range f.Added {
		if err := w.record(b, max(b.Version, 1)); err != nil {
			return err
		}
	}
	w.args = append(w.args, len(f.Events))
	for _, e := range f.Events {
		event, err := eventArgs(e)
		if err != nil {
			return err
		}
		w.args = append(w.args, event...)
	}
	return nil
}

func (w *factArgs) fact(id core.BlobID, more ...any) error {
	key, err := w.blob(id)
	if err != nil {
		return err
	}
	w.keys, w.args = append(w.keys, key), append(append(w.args, string(id)), more...)
	return nil
}

func (w *factArgs) record(b core.BlobRecord, version int64) error {
	header, err := json.Marshal(headerOf(b))
	if err != nil {
		return err
	}
	return w.fact(b.ID, header, b.Sealed, ms(b.LastTakenAt), version)
}

// Facts lists the user's facts by Position.
func (s *Store) Facts(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BlobRecord, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, err
	}
	ids := func(after, limit int64) ([]string, int64, error) {
		return s.after(ctx, k.blobs(), after, limit, ownedBy(ctx, k))
	}
	load := func(members []string) ([]core.BlobRecord, error) {
		return s.loadFacts(ctx, k, members)
	}
	return pages(page.After, page.Limit, ids, load)
}

// loadFacts reads those of the members of a user's list of blobs that are
// facts: they begin with a slash.
func (s *Store) loadFacts(ctx context.Context, k userKeys, members []string) ([]core.BlobRecord, error) {
	var of beside
	var ids []core.BlobID
	var hashes []*goredis.SliceCmd
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		of = besideUser(ctx, p, k)
		for _, member := range members {
			if member == "" || member[0] != '/' {
				continue
			}
			id := core.BlobID(member[1:])
			if key, err := k.blob(id); err == nil {
				ids, hashes = append(ids, id), append(hashes, p.HMGet(ctx, key, blobFields...))
			}
		}
	})
	var list []core.BlobRecord
	for i, cmd := range hashes {
		if err != nil {
			break
		}
		var b core.BlobRecord
		var ok bool
		if b, ok, err = blobOf(k.user, ids[i], of.epoch(), cmd, true); ok {
			list = append(list, b)
		}
	}
	return list, err
}
