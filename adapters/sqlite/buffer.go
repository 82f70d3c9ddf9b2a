package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	entryColumns   = `b.interaction, b.number, b.id, b.sealed, b.accepted_at`
	selectBuffered = `SELECT ` + entryColumns + ` FROM buffer b WHERE b.conversation = ? AND b.number > ? ORDER BY b.number LIMIT ?`

	selectPlace = `SELECT t.id, c.id, u.id, c.closed_at IS NOT NULL, c.next_number, c.buffered,
		c.oldest_at, c.buffer_since, ` + memoryVersion + ofUser + ` AND c.conversation = ?`

	// selectHead has one row without an entry for a conversation that has none.
	selectHead = `SELECT coalesce(b.interaction, ''), coalesce(b.number, 0), coalesce(b.id, 0), coalesce(b.sealed, x''),
		coalesce(b.accepted_at, 0) FROM tenants t JOIN users u ON u.tenant = t.id JOIN conversations c ON c.user = u.id
		LEFT JOIN buffer b ON b.conversation = c.id
		WHERE t.tenant = ? AND t.deleted_at IS NULL AND u.user = ? AND c.conversation = ? ORDER BY b.number LIMIT ?`

	idleFrom = ` FROM conversations c
		CROSS JOIN users u ON u.id = c.user CROSS JOIN tenants t ON t.id = u.tenant WHERE t.deleted_at IS NULL `
	selectIdleClosed = `SELECT t.tenant, u.user, c.conversation, 0, c.closed_at, c.id` + idleFrom + `
		AND c.closed_at IS NOT NULL AND c.buffer_since IS NOT NULL AND (c.closed_at, c.id) > (?, ?)
		ORDER BY c.closed_at, c.id LIMIT ?`
	selectIdleOpen = `SELECT t.tenant, u.user, c.conversation, 1, c.buffer_since, c.id` + idleFrom + `
		AND c.closed_at IS NULL AND c.buffer_since < ?1 AND c.appended_at < ?1 AND (c.buffer_since, c.id) > (?2, ?3)
		ORDER BY c.buffer_since, c.id LIMIT ?4`
)

// entryFields are the places of entryColumns.
func entryFields(e *core.BufferEntry) []any {
	return []any{&e.ID, &e.Number, &e.Position, &e.Sealed, at{&e.AcceptedAt}}
}

func entryOf(conversation core.ConversationID) fields[core.BufferEntry] {
	return func(e *core.BufferEntry) []any {
		e.Conversation = conversation
		return entryFields(e)
	}
}

// place is a conversation as the steps on its memory need it.
type place struct {
	tenant, conversation, user int64
	closed                     bool
	next, buffered             int64
	oldest, since              *time.Time // nil while nothing is buffered
	version                    int64      // of the user's memory
}

func placeFields(p *place) []any {
	return []any{
		&p.tenant, &p.conversation, &p.user, &p.closed, &p.next, &p.buffered, maybeAt{&p.oldest}, maybeAt{&p.since}, &p.version,
	}
}

func (t *txn) place(tenant core.TenantID, user core.UserID, conversation core.ConversationID) (place, error) {
	return one(t.session, placeFields, selectPlace, tenant, user, conversation)
}

// Buffered returns the head of a buffer.
func (s *Store) Buffered(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, limit int) ([]core.BufferEntry, error) {
	return seek(ctx, s, func(q session) ([]core.BufferEntry, error) {
		head, err := list(q, entryOf(conversation), selectHead, tenant, user, conversation, max(limit, 1))
		switch {
		case err != nil:
			return nil, err
		case len(head) == 0:
			return nil, sql.ErrNoRows
		case head[0].ID == "" || limit < 1:
			return nil, nil
		}
		return head, nil
	})
}

// CommitFlush puts blobs in the place of a buffer's head.
func (s *Store) CommitFlush(ctx context.Context, tenant core.TenantID, op core.Op, f core.Flush) (left int64, err error) {
	return stepIn(ctx, s, tenant, op, f.User, f.Conversation, func(t *txn, p place) (int64, error) {
		n := int64(len(f.Head))
		if err := t.takeHead(p, f.Head, numbersOf(f.Blobs)); err != nil {
			return 0, err
		}
		if err := t.shrinkBuffer(p.conversation, n, 0, f.At); err != nil {
			return 0, err
		}
		bytes, err := t.addBlobs(p, f)
		if err != nil {
			return 0, err
		}
		t.countMemory(core.Usage{Buffered: -n, Blobs: int64(len(f.Blobs)), BlobBytes: bytes})
		return p.buffered - n, t.record(f.Event)
	})
}

// takeHead removes the buffer's first entries if they are those with these numbers.
func (t *txn) takeHead(p place, ids []core.InteractionID, numbers []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if len(numbers) < len(ids) {
		return versionConflict()
	}
	type entry struct {
		id     core.InteractionID
		number int64
	}
	of := func(e *entry) []any { return []any{&e.id, &e.number} }
	taken, err := list(t.session, of, `DELETE FROM buffer WHERE conversation = ? AND number <= ? RETURNING interaction, number`,
		p.conversation, numbers[len(ids)-1])
	if err != nil {
		return err
	}
	slices.SortFunc(taken, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	if len(taken) != len(ids) {
		return versionConflict()
	}
	for i, e := range taken {
		if e.id != ids[i] || e.number != numbers[i] {
			return versionConflict()
		}
	}
	return nil
}

// numbersOf are the numbers of the interactions in blobs.
func numbersOf(blobs []core.BlobRecord) (numbers []int64) {
	for _, b := range blobs {
		numbers = append(numbers, b.Numbers...)
	}
	return numbers
}

// shrinkBuffer takes so many entries off the conversation's counts, when they
// are gone from the buffer; those forgotten are not in a blob either.
func (t *txn) shrinkBuffer(conversation, removed, forgotten int64, now time.Time) error {
	return t.exec(`UPDATE conversations SET buffered = buffered - ?1, interactions = interactions - ?2,
		oldest_at = (SELECT min(accepted_at) FROM buffer WHERE conversation = ?4),
		buffer_since = CASE WHEN buffered > ?1 THEN min(appended_at, ?3) END WHERE id = ?4`,
		removed, forgotten, ms(now), conversation)
}

// addBlobs adds a flush's blobs, each with its change, and says how much they take.
func (t *txn) addBlobs(p place, f core.Flush) (bytes int64, err error) {
	for i, b := range f.Blobs {
		if !b.ID.Valid() {
			return 0, core.NotFound()
		}
		b.User, b.Conversation = f.User, f.Conversation
		if err := t.insertBlob(p.user, p.conversation, b); err != nil {
			return 0, err
		}
		first, last := reach(b)
		err := t.keepChange(p.user, core.Change{
			Version: p.version + int64(i) + 1, Kind: core.ChangeSealed, Conversation: b.Conversation, Blob: b.ID, First: first, Last: last,
		})
		if err != nil {
			return 0, err
		}
		bytes += int64(len(b.Sealed))
	}
	return bytes, nil
}

// insertBlob adds a blob to a conversation, nil for none.
func (t *txn) insertBlob(user int64, conversation any, b core.BlobRecord) error {
	numbers, interactions, err := encodeContents(b)
	if err != nil {
		return err
	}
	first, last := reach(b)
	return t.exec(`INSERT INTO blobs (tenant, user, conversation, blob, kind, first_number, last_number, numbers, interactions,
		first_at, last_at, first_taken_at, last_taken_at, key_version, size, version, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, user, conversation, b.ID, b.Kind, first, last, numbers, interactions,
		ms(b.FirstAt), ms(b.LastAt), ms(b.FirstTakenAt), ms(b.LastTakenAt), b.KeyVersion, len(b.Sealed),
		max(b.Version, 1), bytesOf(b.Sealed))
}

func encodeContents(b core.BlobRecord) (numbers, interactions string, err error) {
	n, err := json.Marshal(b.Numbers)
	if err != nil {
		return "", "", err
	}
	i, err := json.Marshal(b.Interactions)
	return string(n), string(i), err
}

// reach is the first and the last number in a blob.
func reach(b core.BlobRecord) (first, last int64) {
	if len(b.Numbers) == 0 {
		return 0, 0
	}
	return b.Numbers[0], b.Numbers[len(b.Numbers)-1]
}

// idleRound is where the list of idle buffers ended the last time.
type idleRound struct {
	mu   sync.Mutex
	last idlePlace
}

// idlePlace is where an idle buffer stands in the round of all: those of closed
// conversations come first, by when they were closed, then the open ones, by
// since when they are buffered.
type idlePlace struct{ open, since, id int64 }

func (a idlePlace) compare(b idlePlace) int {
	return cmp.Or(cmp.Compare(a.open, b.open), cmp.Compare(a.since, b.since), cmp.Compare(a.id, b.id))
}

type idleBuffer struct {
	core.BufferPlace
	at idlePlace
}

// IdleBuffers lists buffers that nothing came into for a while. It goes on after
// the one that came last the time before, and round, so that buffers that can't
// be sealed don't stand before all others.
func (s *Store) IdleBuffers(ctx context.Context, before time.Time, limit int) ([]core.BufferPlace, error) {
	s.idle.mu.Lock()
	last := s.idle.last
	s.idle.mu.Unlock()
	found, err := view(ctx, s, func(q session) ([]idleBuffer, error) { return q.idleRound(last, before, max(limit, 0)) })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	s.idle.mu.Lock()
	s.idle.last = found[len(found)-1].at
	s.idle.mu.Unlock()
	places := make([]core.BufferPlace, 0, len(found))
	for _, b := range found {
		places = append(places, b.BufferPlace)
	}
	return places, nil
}

// idleRound lists those after last, then those from the beginning to it.
func (q session) idleRound(last idlePlace, before time.Time, limit int) ([]idleBuffer, error) {
	found, err := q.idleAfter(last, before, limit)
	if err != nil || len(found) == limit {
		return found, err
	}
	again, err := q.idleAfter(idlePlace{since: math.MinInt64}, before, limit-len(found))
	for _, b := range again {
		if b.at.compare(last) <= 0 {
			found = append(found, b)
		}
	}
	return found, err
}

func (q session) idleAfter(last idlePlace, before time.Time, limit int) (found []idleBuffer, err error) {
	of := func(b *idleBuffer) []any {
		return []any{&b.Tenant, &b.User, &b.Conversation, &b.at.open, &b.at.since, &b.at.id}
	}
	if last.open == 0 {
		found, err = list(q, of, selectIdleClosed, last.since, last.id, limit)
		last.since, last.id = math.MinInt64, 0
	}
	if err != nil || len(found) == limit {
		return found, err
	}
	open, err := list(q, of, selectIdleOpen, ms(before), last.since, last.id, limit-len(found))
	return append(found, open...), err
}
