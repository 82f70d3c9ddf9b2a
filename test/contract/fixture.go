package contract

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// patience is how long one subtest may wait for its store.
const patience = 3 * time.Minute

// TB is what a World needs of a test; *testing.T and *rapid.T have it.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// World is a store with makers of valid records: Make… gives what a step
// takes, MustCreate… also does the step and fails the test when it is refused.
// Every id, reference and payload is used once. Safe for concurrent use, save
// what fails the test.
type World struct {
	Store
	T   TB
	Ctx context.Context // has a deadline
	IDs *core.IDs

	*shared
}

type shared struct {
	start time.Time
	ticks atomic.Int64

	mu      sync.Mutex
	tenants []core.TenantID // all that were made
	lent    []func()        // each spoils something that was handed to the store
}

// NewWorld is a world around an empty store.
func NewWorld(t *testing.T, s Store) *World {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	// Some adapters let things expire by their server's clock, so it is not a
	// fixed date.
	w := &World{Store: s, T: t, Ctx: ctx, shared: &shared{start: time.Now().UTC().Truncate(time.Millisecond)}}
	// Ids of one millisecond would be neighbours; what looks like one of these
	// is none.
	w.IDs = core.NewIDs(w.Now, rand.Reader)
	return w
}

// on is the same world, failing another test.
func (w *World) on(t TB) *World {
	other := *w
	other.T = t
	return &other
}

// Now is a time that was not given before, in whole milliseconds, UTC; each is
// later than those before.
func (w *World) Now() time.Time {
	return w.start.Add(time.Duration(w.ticks.Add(1)) * time.Millisecond)
}

// Op is an operation of its own.
func (w *World) Op() core.Op {
	return core.Op{ID: w.IDs.Operation(), Until: w.start.Add(time.Hour)}
}

// Bytes is a payload of that size, unlike any other if it has 16 bytes or
// more. Some of its bytes are zero and some no UTF-8.
func (w *World) Bytes(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	copy(b, []byte{0, 0xff, '\'', '"'})
	lend(w, b)
	return b
}

// lend notes a slice that goes to the store, for spoil.
func lend[S ~[]E, E any](w *World, s S) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lent = append(w.lent, func() { clear(s) })
}

// spoil overwrites every slice that was lent.
func (w *World) spoil() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, spoil := range w.lent {
		spoil()
	}
	w.lent = nil
}

// MakeEvent is an event of the tenant's by one of its keys.
func (w *World) MakeEvent(tenant core.TenantID, kind core.EventType) core.Event {
	return core.Event{
		ID: w.IDs.Event(), Type: kind, At: w.Now(), Tenant: tenant,
		Actor: core.Actor{Key: w.IDs.Key()},
		Data:  core.EventData{"note_id": w.IDs.Operation(), "given": int64(7)},
	}
}

// MakeTenant is a new tenant with the default settings, changed.
func (w *World) MakeTenant(change ...func(*core.Settings)) core.NewTenant {
	id, at := w.IDs.Tenant(), w.Now()
	settings := core.DefaultSettings()
	for _, c := range change {
		c(&settings)
	}
	key := w.MakeKey(id)
	key.Scopes = core.FullAccess
	n := core.NewTenant{
		Record: core.TenantRecord{
			ID: id, Profile: w.Bytes(40), Settings: settings, Version: 1, CreatedAt: at, UpdatedAt: at,
		},
		EmailKey: fmt.Sprintf("%s@example.com", id),
		DataKeys: []core.WrappedKey{
			{Version: core.IndexKeyVersion, Provider: "local", Wrapped: w.Bytes(60), CreatedAt: at},
			{Version: 1, Provider: "local", Wrapped: w.Bytes(60), CreatedAt: at},
		},
		Key:    key,
		Events: []core.Event{w.MakeEvent(id, core.EventTenantCreated), w.MakeEvent(id, core.EventKeyCreated)},
	}
	lend(w, n.DataKeys)
	lend(w, n.Events)
	return n
}

// MakeKey is a key of the tenant's that may only read memory and never expires.
func (w *World) MakeKey(tenant core.TenantID) core.KeyRecord {
	k := core.KeyRecord{
		APIKey: core.APIKey{
			ID: w.IDs.Key(), Prefix: "rk_live_" + "0aZ9bY8c", Scopes: core.ScopeMemoryRead,
			Environment: core.EnvironmentLive, CreatedAt: w.Now(),
		},
		Tenant: tenant, Sealed: w.Bytes(30),
	}
	copy(k.Hash[:], w.Bytes(len(k.Hash)))
	return k
}

// MakeUser is a new user with a reference of its own.
func (w *World) MakeUser(tenant core.TenantID) core.NewUser {
	id, at := w.IDs.User(), w.Now()
	return core.NewUser{
		Record: core.UserRecord{
			ID: id, RefKey: "ref-" + string(id), Sealed: w.Bytes(50), Version: 1, CreatedAt: at, UpdatedAt: at,
		},
		Event:     w.MakeEvent(tenant, core.EventUserCreated),
		Exhausted: w.MakeEvent(tenant, core.EventQuotaExhausted),
	}
}

// MakeConversation is a new conversation with a reference of its own.
func (w *World) MakeConversation(tenant core.TenantID, user core.UserID) core.NewConversation {
	id, at := w.IDs.Conversation(), w.Now()
	return core.NewConversation{
		Record: core.ConversationRecord{
			ID: id, User: user, RefKey: "ref-" + string(id), Sealed: w.Bytes(50),
			Status: core.ConversationOpen, NextNumber: 1, Version: 1, CreatedAt: at, UpdatedAt: at,
		},
		Event:     w.MakeEvent(tenant, core.EventConversationCreated),
		Exhausted: w.MakeEvent(tenant, core.EventQuotaExhausted),
	}
}

// MakeAppend is n interactions for a conversation, accepted when it happens.
func (w *World) MakeAppend(user core.UserID, conversation core.ConversationID, n int) core.Append {
	a := core.Append{User: user, Conversation: conversation, At: w.Now()}
	for range n {
		a.Entries = append(a.Entries, core.BufferEntry{
			ID: w.IDs.Interaction(), Conversation: conversation, Sealed: w.Bytes(70), AcceptedAt: a.At,
		})
	}
	lend(w, a.Entries)
	return a
}

// MakeBlob seals entries, which are of one conversation and not none.
func (w *World) MakeBlob(user core.UserID, entries []core.BufferEntry) core.BlobRecord {
	b := core.BlobRecord{
		ID: w.IDs.Blob(), User: user, Kind: core.BlobEpisodic, Conversation: entries[0].Conversation,
		KeyVersion: 1, Version: 1,
	}
	w.fill(&b, entries)
	return b
}

// fill makes b hold entries.
func (w *World) fill(b *core.BlobRecord, entries []core.BufferEntry) {
	b.Numbers, b.Interactions = nil, nil
	for i, e := range entries {
		b.Numbers = append(b.Numbers, e.Number)
		b.Interactions = append(b.Interactions, e.ID)
		if i == 0 || e.AcceptedAt.Before(b.FirstTakenAt) {
			b.FirstTakenAt = e.AcceptedAt
		}
		if i == 0 || e.AcceptedAt.After(b.LastTakenAt) {
			b.LastTakenAt = e.AcceptedAt
		}
	}
	// When things occurred is the caller's word and has nothing to do with it.
	b.FirstAt, b.LastAt = b.FirstTakenAt.Add(-48*time.Hour), b.LastTakenAt.Add(-24*time.Hour)
	b.Sealed = w.Bytes(64 + 32*len(entries))
	b.Size = int64(len(b.Sealed))
	lend(w, b.Numbers)
	lend(w, b.Interactions)
}

// MakeFlush seals entries, the head of their buffer, into blobs of size each.
func (w *World) MakeFlush(tenant core.TenantID, user core.UserID, entries []core.BufferEntry, size int) core.Flush {
	f := core.Flush{
		User: user, Conversation: entries[0].Conversation, At: w.Now(),
		Event: w.MakeEvent(tenant, core.EventMemoryFlushed),
	}
	for first := 0; first < len(entries); first += size {
		f.Blobs = append(f.Blobs, w.MakeBlob(user, entries[first:min(first+size, len(entries))]))
	}
	for _, e := range entries {
		f.Head = append(f.Head, e.ID)
	}
	lend(w, f.Blobs)
	lend(w, f.Head)
	return f
}

// MakeAppendSealed seals what is held in the buffer and so many new interactions,
// the next of which has that number, into blobs of size each; more come after.
func (w *World) MakeAppendSealed(at core.Append, tenant core.TenantID, held []core.BufferEntry, next int64, sealed, size int) core.AppendSealed {
	all := append(slices.Clone(held), numbered(at.Entries[:sealed], next)...)
	a := core.AppendSealed{Flush: w.MakeFlush(tenant, at.User, all, size), Entries: slices.Clone(at.Entries[sealed:])}
	lend(w, a.Entries)
	return a
}

// MakeRewrite leaves out of a blob the interactions at those indices.
func (w *World) MakeRewrite(tenant core.TenantID, b core.BlobRecord, without ...int) core.BlobRewrite {
	next := b
	next.Version++
	next.Numbers, next.Interactions = nil, nil
	for i := range b.Numbers {
		if !slices.Contains(without, i) {
			next.Numbers = append(next.Numbers, b.Numbers[i])
			next.Interactions = append(next.Interactions, b.Interactions[i])
		}
	}
	next.Sealed = w.Bytes(80 + 32*len(next.Numbers))
	next.Size = int64(len(next.Sealed))
	r := core.BlobRewrite{New: next, IfVersion: b.Version, Removed: int64(len(without)), At: w.Now()}
	if len(without) > 0 {
		event := w.MakeEvent(tenant, core.EventMemoryDeleted)
		r.Event = &event
	}
	lend(w, next.Numbers)
	lend(w, next.Interactions)
	return r
}
