package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// stepIn is a step in a conversation, which is found together with the tenant.
func stepIn[T any](ctx context.Context, s *Store, tenant core.TenantID, op core.Op, user core.UserID, conversation core.ConversationID, run func(*txn, place) (T, error)) (T, error) {
	return ownStep(ctx, s, core.Op{}, func(t *txn) (outcome T, err error) {
		if op.ID != "" { // whose outcome may outlive the conversation
			if err := t.enter(tenant); err != nil {
				return outcome, err
			}
		}
		return once(t, op, func(t *txn) (outcome T, err error) {
			p, err := t.place(tenant, user, conversation)
			if err != nil {
				return outcome, err
			}
			t.tenant = p.tenant
			return run(t, p)
		})
	})
}

// Append adds interactions to a buffer.
func (s *Store) Append(ctx context.Context, tenant core.TenantID, op core.Op, a core.Append) (core.Appended, error) {
	return stepIn(ctx, s, tenant, op, a.User, a.Conversation, func(t *txn, p place) (core.Appended, error) {
		if p.closed {
			return core.Appended{}, closed()
		}
		n := int64(len(a.Entries))
		out := core.Appended{IDs: idsOf(a.Entries), First: p.next, Buffered: p.buffered + n}
		if n == 0 {
			return out, nil
		}
		if !allValid(out.IDs) {
			return out, core.NotFound()
		}
		if err := t.append(p, a); err != nil {
			return out, err
		}
		t.countMemory(core.Usage{Interactions: n, Buffered: n})
		return out, t.appended(p, a.Conversation, n)
	})
}

// AppendSealed adds interactions of which the first come in blobs, together with
// what is buffered.
func (s *Store) AppendSealed(ctx context.Context, tenant core.TenantID, op core.Op, a core.AppendSealed) (core.Appended, error) {
	return stepIn(ctx, s, tenant, op, a.User, a.Conversation, func(t *txn, p place) (core.Appended, error) {
		if p.closed {
			return core.Appended{}, closed()
		}
		held, rest, numbers := p.buffered, int64(len(a.Entries)), numbersOf(a.Blobs)
		if len(numbers) != len(a.Head) || !follows(p, numbers) {
			return core.Appended{}, versionConflict()
		}
		if err := t.takeHead(p, a.Head[:held], numbers); err != nil {
			return core.Appended{}, err
		}
		fresh := append(slices.Clone(a.Head[held:]), idsOf(a.Entries)...)
		if !allValid(fresh) {
			return core.Appended{}, core.NotFound()
		}
		n := int64(len(fresh))
		if err := t.appended(p, a.Conversation, n); err != nil {
			return core.Appended{}, err
		}
		p.version++
		bytes, err := t.addBlobs(p, a.Flush)
		if err != nil {
			return core.Appended{}, err
		}
		if err := t.refill(p, a, n); err != nil {
			return core.Appended{}, err
		}
		t.countMemory(core.Usage{Interactions: n, Buffered: rest - held, Blobs: int64(len(a.Blobs)), BlobBytes: bytes})
		return core.Appended{IDs: fresh, First: p.next, Buffered: rest, Blobs: blobIDs(a.Blobs)}, t.record(a.Event)
	})
}

// follows reports whether beyond as many numbers as are buffered come the next ones.
func follows(p place, numbers []int64) bool {
	if int64(len(numbers)) <= p.buffered {
		return false
	}
	for i, n := range numbers[p.buffered:] {
		if n != p.next+int64(i) {
			return false
		}
	}
	return true
}

// refill makes the rest of an append of n interactions all that is buffered.
func (t *txn) refill(p place, a core.AppendSealed, n int64) error {
	var oldest, since any
	if rest := len(a.Entries); rest > 0 {
		p.next += n - int64(rest)
		if err := t.insertEntries(p, a.Entries); err != nil {
			return err
		}
		oldest, since = ms(oldestOf(a.Entries)), ms(a.At)
	}
	return t.exec(growBuffer+`, oldest_at = ?, buffer_since = ? WHERE id = ?`,
		n, int64(len(a.Entries))-p.buffered, n, ms(a.At), oldest, since, p.conversation)
}

// appended keeps the change that is n interactions more.
func (t *txn) appended(p place, conversation core.ConversationID, n int64) error {
	return t.keepChange(p.user, core.Change{
		Version: p.version + 1, Kind: core.ChangeAppended, Conversation: conversation, First: p.next, Last: p.next + n - 1,
	})
}

func allValid(ids []core.InteractionID) bool {
	return !slices.ContainsFunc(ids, func(id core.InteractionID) bool { return !id.Valid() })
}

func closed() error {
	return core.NewError(core.CodeConversationClosed, "The conversation is closed.")
}

func blobIDs(blobs []core.BlobRecord) []core.BlobID {
	ids := make([]core.BlobID, 0, len(blobs))
	for _, b := range blobs {
		ids = append(ids, b.ID)
	}
	return ids
}

func oldestOf(entries []core.BufferEntry) time.Time {
	oldest := entries[0].AcceptedAt
	for _, e := range entries {
		oldest = earlier(oldest, e.AcceptedAt)
	}
	return oldest
}

func idsOf(entries []core.BufferEntry) []core.InteractionID {
	ids := make([]core.InteractionID, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func (t *txn) append(p place, a core.Append) error {
	if err := t.insertEntries(p, a.Entries); err != nil {
		return err
	}
	oldest := oldestOf(a.Entries)
	n := len(a.Entries)
	if p.since != nil && !oldest.Before(*p.oldest) && !a.At.Before(*p.since) {
		return t.exec(growBuffer+` WHERE id = ?`, n, n, n, ms(a.At), p.conversation)
	}
	since := a.At
	if p.since != nil {
		oldest, since = earlier(oldest, *p.oldest), earlier(since, *p.since)
	}
	return t.exec(growBuffer+`, oldest_at = ?, buffer_since = ? WHERE id = ?`, n, n, n, ms(a.At), ms(oldest), ms(since), p.conversation)
}

const growBuffer = `UPDATE conversations SET interactions = interactions + ?, buffered = buffered + ?,
	next_number = next_number + ?, appended_at = ?`

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// rowsAtOnce bounds how many entries one statement inserts. There is one for each
// power of two, because what each differs in is prepared.
const rowsAtOnce = 32

var insertEntries = func() map[int]string {
	const one = `(?, ?, ?, ?, ?, ?)`
	queries := map[int]string{}
	for n := 1; n <= rowsAtOnce; n *= 2 {
		queries[n] = `INSERT INTO buffer (user, conversation, number, interaction, accepted_at, sealed) VALUES ` +
			one + strings.Repeat(`, `+one, n-1)
	}
	return queries
}()

func (t *txn) insertEntries(p place, entries []core.BufferEntry) error {
	for n, number := rowsAtOnce, p.next; len(entries) > 0; {
		for n > len(entries) {
			n /= 2
		}
		values := make([]any, 0, 6*n)
		for _, e := range entries[:n] {
			values = append(values, p.user, p.conversation, number, string(e.ID), ms(e.AcceptedAt), bytesOf(e.Sealed))
			number++
		}
		if err := t.exec(insertEntries[n], values...); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}
