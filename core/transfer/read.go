package transfer

import (
	"context"

	"github.com/raven-memory/raven/core"
)

func readTenant(ctx context.Context, s Store, id core.TenantID) (t core.TenantImage, err error) {
	if t, err = s.ExportTenant(ctx, id); err != nil {
		return t, err
	}
	if t.DataKeys, err = s.DataKeys(ctx, id); err != nil {
		return t, err
	}
	if t.Reencryption, err = s.Reencryption(ctx, id); err != nil {
		return t, err
	}
	t.APIKeys, err = all(listPage, func(page core.Page) ([]core.KeyRecord, error) { return s.APIKeys(ctx, id, page) },
		func(k core.KeyRecord) int64 { return k.Position })
	if err != nil {
		return t, err
	}
	t.Events, err = all(eventPage, func(page core.Page) ([]core.Event, error) { return s.Events(ctx, id, page.After, page.Limit) },
		func(e core.Event) int64 { return e.Seq })
	return t, err
}

func eachUser(ctx context.Context, s Store, tenant core.TenantID, visit func(core.UserRecord) error) error {
	for after := int64(0); ; {
		users, err := s.Users(ctx, tenant, core.Page{After: after, Limit: listPage})
		if err != nil || len(users) == 0 {
			return err
		}
		for _, u := range users {
			if err := visit(u); err != nil {
				return err
			}
			after = u.Position
		}
	}
}

func readUser(ctx context.Context, s Store, tenant core.TenantID, record core.UserRecord) (u core.UserImage, err error) {
	u.Record = record
	if u.MemoryVersion, err = s.MemoryVersion(ctx, tenant, record.ID); err != nil {
		return u, err
	}
	u.Conversations, err = all(listPage, func(page core.Page) ([]core.ConversationRecord, error) {
		return s.Conversations(ctx, tenant, record.ID, page)
	}, func(c core.ConversationRecord) int64 { return c.Position })
	if err != nil {
		return u, err
	}
	u.Buffer, err = all(listPage, func(page core.Page) ([]core.BufferEntry, error) {
		return s.UserBuffer(ctx, tenant, record.ID, page)
	}, func(e core.BufferEntry) int64 { return e.Position })
	if err != nil {
		return u, err
	}
	u.Blobs, err = all(blobPage, func(page core.Page) ([]core.BlobRecord, error) {
		return s.Blobs(ctx, tenant, record.ID, page, true)
	}, func(b core.BlobRecord) int64 { return b.Position })
	if err != nil {
		return u, err
	}
	u.FactKeys, err = s.FactKeys(ctx, tenant, record.ID)
	return u, err
}

// all reads a list to its end.
func all[T any](size int, fetch func(core.Page) ([]T, error), position func(T) int64) ([]T, error) {
	var list []T
	page := core.Page{Limit: size}
	for {
		some, err := fetch(page)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		if len(some) < size {
			return list, nil
		}
		page.After = position(some[len(some)-1])
	}
}
