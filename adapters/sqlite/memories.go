package sqlite

import (
	"context"
	"math"

	"github.com/raven-memory/raven/core"
)

const (
	headerColumns = `b.blob, b.kind, b.numbers, b.interactions, b.first_at, b.last_at, b.first_taken_at,
		b.last_taken_at, b.key_version, b.size, b.version, b.id`
	withoutPayload = `x''`
	withPayload    = `b.sealed`

	blobsOf      = ` FROM blobs b LEFT JOIN conversations c ON c.id = b.conversation WHERE `
	blobsOfUser  = blobsOf + `b.user = ? AND b.id > ? ORDER BY b.id LIMIT ?`
	blobOfUser   = blobsOf + `b.user = ? AND b.blob = ?`
	selectBlob   = `SELECT ` + headerColumns + `, coalesce(c.conversation, ''), `
	selectHeader = selectBlob + withoutPayload

	selectUserBuffer = `SELECT ` + entryColumns + `, c.conversation FROM buffer b JOIN conversations c ON c.id = b.conversation
		WHERE b.user = ? AND b.id > ? ORDER BY b.id LIMIT ?`
)

// blobOf gives the places of selectBlob and a payload.
func blobOf(user core.UserID) fields[core.BlobRecord] {
	return func(b *core.BlobRecord) []any {
		b.User = user
		return []any{
			&b.ID, &b.Kind, inJSON{&b.Numbers}, inJSON{&b.Interactions}, at{&b.FirstAt}, at{&b.LastAt},
			at{&b.FirstTakenAt}, at{&b.LastTakenAt}, &b.KeyVersion, &b.Size, &b.Version, &b.Position,
			&b.Conversation, &b.Sealed,
		}
	}
}

// Blobs lists the user's blobs by Position.
func (s *Store) Blobs(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page, payload bool) ([]core.BlobRecord, error) {
	query := selectHeader + blobsOfUser
	if payload {
		query = selectBlob + withPayload + blobsOfUser
	}
	return view(ctx, s, func(q session) ([]core.BlobRecord, error) {
		id, err := one(q, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return nil, err
		}
		return list(q, blobOf(user), query, id, page.After, max(page.Limit, 0))
	})
}

// Blob returns one with its payload.
func (s *Store) Blob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID) (core.BlobRecord, error) {
	return view(ctx, s, func(q session) (core.BlobRecord, error) {
		owner, err := one(q, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return core.BlobRecord{}, err
		}
		return one(q, blobOf(user), selectBlob+withPayload+blobOfUser, owner, id)
	})
}

// ConversationBlobs lists the headers of a conversation's blobs.
func (s *Store) ConversationBlobs(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) ([]core.BlobRecord, error) {
	return view(ctx, s, func(q session) ([]core.BlobRecord, error) {
		id, err := one(q, itself[int64], selectConversationID, tenant, user, conversation)
		if err != nil {
			return nil, err
		}
		return list(q, blobOf(user), selectHeader+blobsOf+`b.conversation = ? ORDER BY b.first_number`, id)
	})
}

// UserBuffer lists what is buffered of all the user's conversations.
func (s *Store) UserBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error) {
	of := func(e *core.BufferEntry) []any { return append(entryFields(e), &e.Conversation) }
	return view(ctx, s, func(q session) ([]core.BufferEntry, error) {
		id, err := one(q, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return nil, err
		}
		return list(q, of, selectUserBuffer, id, page.After, max(page.Limit, 0))
	})
}

// Stretch reads a part of a conversation.
func (s *Store) Stretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, w core.Window) (core.Stretch, error) {
	return view(ctx, s, func(q session) (core.Stretch, error) {
		r := stretch{session: q, user: user, conversation: conversation, window: w}
		if err := q.get(selectConversationID, args{tenant, user, conversation}, &r.id); err != nil {
			return core.Stretch{}, err
		}
		return r.read()
	})
}

// stretch reads sealed before buffered, or the other way round when the window
// is Desc: what is buffered has the higher numbers.
type stretch struct {
	session
	user         core.UserID
	conversation core.ConversationID
	id           int64
	window       core.Window
	out          core.Stretch
	found        int // interactions in the window so far
}

func (r *stretch) read() (core.Stretch, error) {
	parts := []func() error{r.readBlobs, r.readBuffer}
	if r.window.Desc {
		parts = []func() error{r.readBuffer, r.readBlobs}
	}
	for _, part := range parts {
		if r.found >= r.window.Limit {
			break
		}
		if err := part(); err != nil {
			return core.Stretch{}, err
		}
	}
	return r.out, nil
}

// readBlobs takes blobs until the window is full. The first one may reach into
// the window only: it is the last to begin at or before After.
func (r *stretch) readBlobs() error {
	query := `b.conversation = ?1 AND b.last_number > ?2 AND b.first_number >= coalesce(
		(SELECT max(first_number) FROM blobs WHERE conversation = ?1 AND first_number <= ?2), 0) ORDER BY b.first_number`
	after := r.window.After
	if r.window.Desc {
		query = `b.conversation = ?1 AND b.first_number < ?2 ORDER BY b.first_number DESC`
		after = beforeNumber(after)
	}
	take := func(b core.BlobRecord) bool {
		r.out.Blobs = append(r.out.Blobs, b)
		for _, number := range b.Numbers {
			if r.window.Holds(number) {
				r.found++
			}
		}
		return r.found < r.window.Limit
	}
	return each(r.session, blobOf(r.user), take, selectBlob+withPayload+blobsOf+query, r.id, after)
}

func (r *stretch) readBuffer() (err error) {
	query, after := selectBuffered, r.window.After
	if r.window.Desc {
		query = `SELECT ` + entryColumns + ` FROM buffer b WHERE b.conversation = ? AND b.number < ? ORDER BY b.number DESC LIMIT ?`
		after = beforeNumber(after)
	}
	r.out.Buffered, err = list(r.session, entryOf(r.conversation), query, r.id, after, r.window.Limit-r.found)
	r.found += len(r.out.Buffered)
	return err
}

// beforeNumber is where a descending window starts: 0 is the end.
func beforeNumber(after int64) int64 {
	if after == 0 {
		return math.MaxInt64
	}
	return after
}
