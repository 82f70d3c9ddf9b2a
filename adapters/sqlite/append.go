package sqlite

import (
	"context"
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
			return core.Appended{}, core.NewError(core.CodeConversationClosed, "The conversation is closed.")
		}
		n := int64(len(a.Entries))
		out := core.Appended{IDs: idsOf(a.Entries), First: p.next, Buffered: p.buffered + n}
		if n == 0 {
			return out, nil
		}
		if err := t.append(p, a); err != nil {
			return out, err
		}
		t.countMemory(core.Usage{Interactions: n, Buffered: n})
		return out, t.keepChange(p.user, core.Change{
			Version: p.version + 1, Kind: core.ChangeAppended, Conversation: a.Conversation, First: p.next, Last: p.next + n - 1,
		})
	})
}

func idsOf(entries []core.BufferEntry) []core.InteractionID {
	ids := make([]core.InteractionID, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func (t *txn) append(p place, a core.Append) error {
	oldest := a.Entries[0].AcceptedAt
	for _, e := range a.Entries {
		if !e.ID.Valid() {
			return core.NotFound()
		}
		if e.AcceptedAt.Before(oldest) {
			oldest = e.AcceptedAt
		}
	}
	if err := t.insertEntries(p, a.Entries); err != nil {
		return err
	}
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
