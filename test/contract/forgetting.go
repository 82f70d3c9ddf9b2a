package contract

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Forgetting is the contract of ports.Forgetting.
func Forgetting(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"RewriteForgetsInteractions", rewriteForgetsInteractions},
		{"RewriteMaySealAnew", rewriteMaySealAnew},
		{"StaleRewriteIsRefused", staleRewriteIsRefused},
		{"OneOfManyRewrites", oneOfManyRewrites},
		{"DeletedBlobLeavesNothing", deletedBlobLeavesNothing},
		{"StaleBlobDeletionIsRefused", staleBlobDeletionIsRefused},
		{"DeleteBufferedRemovesWhatIsThere", deleteBufferedRemovesWhatIsThere},
		{"DeleteBufferedOfNothingIsSilent", deleteBufferedOfNothingIsSilent},
		{"ForgettingRacesFlushing", forgettingRacesFlushing},
		{"ClearLeavesConversations", clearLeavesConversations},
		{"ClearRacesAppends", clearRacesAppends},
		{"ClearedTwiceIsEmpty", clearedTwiceIsEmpty},
		{"ExpiredComesOldestFirst", expiredComesOldestFirst},
		{"ExpiredLooksAtEachEntry", expiredLooksAtEachEntry},
		{"ExpiredIsTheOldest", expiredIsTheOldest},
	}, forgettingCalls())
}

func forgettingCalls() []call {
	const inUser, inConversation = ofTenant | ofUser, ofTenant | ofUser | ofConversation
	deleted := []core.EventType{core.EventMemoryDeleted}
	return []call{
		{
			name: "RewriteBlob", takes: inUser | ofBlob, step: true, events: deleted,
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				r := w.MakeRewrite(at.tenant, at.blob, 1)
				r.New.User = at.user
				return done(w.RewriteBlob(ctx, at.tenant, op, r))
			},
		},
		{
			name: "DeleteBlob", takes: inUser | ofBlob, step: true, events: deleted,
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return done(w.DeleteBlob(ctx, at.tenant, op, w.makeBlobDelete(at, 1)))
			},
		},
		{
			name: "DeleteBuffered", takes: inConversation, step: true, events: deleted,
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.DeleteBuffered(ctx, at.tenant, op, w.makeBufferDelete(at, at.entries[1].ID))
			},
		},
		{
			name: "ClearMemory", takes: inUser, step: true, events: deleted,
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return done(w.ClearMemory(ctx, at.tenant, op, at.user, w.MakeEvent(at.tenant, core.EventMemoryDeleted)))
			},
		},
		{name: "Expired", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Expired(ctx, at.tenant, w.start.AddDate(1, 0, 0), 10)
		}},
	}
}

func (w *World) makeBlobDelete(at stage, ifVersion int64) core.BlobDelete {
	return core.BlobDelete{
		User: at.user, ID: at.blob.ID, IfVersion: ifVersion, At: w.Now(),
		Event: w.MakeEvent(at.tenant, core.EventMemoryDeleted),
	}
}

func (w *World) makeBufferDelete(at stage, ids ...core.InteractionID) core.BufferDelete {
	ids = slices.Clone(ids)
	lend(w, ids)
	return core.BufferDelete{
		User: at.user, Conversation: at.conversation, IDs: ids, At: w.Now(),
		Event: w.MakeEvent(at.tenant, core.EventMemoryDeleted),
	}
}

// forgotten is the change of a step that forgot those interactions.
func (w *World) forgotten(at stage, after int64, ids ...core.InteractionID) {
	w.T.Helper()
	changes := w.mustChanges(at.tenant, at.user, after)
	for i := range changes {
		changes[i] = told(changes[i])
	}
	w.equal("the changes", changes, []core.Change{{
		Version: after + 1, Kind: core.ChangeForgotten, Interactions: sorted(ids),
	}})
}

// told is a change without what its kind does not promise: of what was
// forgotten, where it was is the store's to say or not.
func told(c core.Change) core.Change {
	if c.Kind != core.ChangeForgotten {
		return c
	}
	return core.Change{Version: c.Version, Kind: c.Kind, Interactions: sorted(c.Interactions)}
}

func rewriteForgetsInteractions(w *World) {
	s := w.stage()
	before, version, last := w.mustUsage(s.tenant), w.mustVersion(s), w.lastSeq(s.tenant)
	r := w.MakeRewrite(s.tenant, s.blob, 0, 2)
	given := dump(r)
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), r))
	w.equal("what was handed in, after the call,", dump(r), given)
	want := r.New
	want.Position = s.blob.Position
	w.equal("the blob", w.mustBlob(s.tenant, s.user, s.blob.ID), want)
	w.forgotten(s, version, s.blob.Interactions[0], s.blob.Interactions[2])
	r.Event.Seq = last + 1
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{*r.Event})
	after := before
	after.Interactions -= 2
	after.BlobBytes += r.New.Size - s.blob.Size
	w.equal("the usage", w.mustUsage(s.tenant), after)
	c := w.mustConversation(s.tenant, s.user, s.conversation)
	w.equal("the counters", []int64{c.Interactions, c.Buffered, c.NextNumber}, []int64{4, 3, 7})
	w.Recount(s.tenant)
}

// rewriteMaySealAnew replaces a blob by the same under another key: an index
// has nothing to do.
func rewriteMaySealAnew(w *World) {
	s := w.stage()
	version, last := w.mustVersion(s), w.lastSeq(s.tenant)
	r := w.MakeRewrite(s.tenant, s.blob)
	r.New.KeyVersion = 2
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), r))
	want := r.New
	want.Position = s.blob.Position
	w.equal("the blob", w.mustBlob(s.tenant, s.user, s.blob.ID), want)
	w.equal("the memory's version", w.mustVersion(s), version)
	w.equal("the events", w.mustEvents(s.tenant, last), []core.Event(nil))
	w.Recount(s.tenant)
}

func staleRewriteIsRefused(w *World) {
	s := w.stage()
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, s.blob, 0)))
	w.unchanged(func() {
		op := w.Op()
		for range 2 {
			w.refused(w.RewriteBlob(w.Ctx, s.tenant, op, w.MakeRewrite(s.tenant, s.blob, 1)), core.CodeVersionConflict)
		}
		ahead := s.blob
		ahead.Version = 7
		w.refused(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, ahead, 1)), core.CodeVersionConflict)
	})
}

func oneOfManyRewrites(w *World) {
	s := w.stage()
	errs := together(9, func(i int) error {
		if i%3 == 2 {
			return w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 1))
		}
		return w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, s.blob, i%3))
	})
	counts := codes(errs)
	if counts[""] != 1 || counts[core.CodeVersionConflict]+counts[core.CodeNotFound] != len(errs)-1 {
		w.T.Fatalf("outcomes by code: %v", counts)
	}
	w.Recount(s.tenant)
}

func deletedBlobLeavesNothing(w *World) {
	s := w.stage()
	before, version, last := w.mustUsage(s.tenant), w.mustVersion(s), w.lastSeq(s.tenant)
	d := w.makeBlobDelete(s, 1)
	given := dump(d)
	w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), d))
	w.equal("what was handed in, after the call,", dump(d), given)
	_, err := w.Blob(w.Ctx, s.tenant, s.user, s.blob.ID)
	w.refused(err, core.CodeNotFound)
	w.forgotten(s, version, s.blob.Interactions...)
	d.Event.Seq = last + 1
	d.Event.Data = counted(d.Event.Data, map[string]int64{"interactions": 3})
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{d.Event})
	after := before
	after.Interactions -= 3
	after.Blobs, after.BlobBytes = 0, 0
	w.equal("the usage", w.mustUsage(s.tenant), after)
	w.refused(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 1)), core.CodeNotFound)
	w.refused(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, s.blob, 1)), core.CodeNotFound)
	w.Recount(s.tenant)
}

func staleBlobDeletionIsRefused(w *World) {
	s := w.stage()
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, s.blob, 0)))
	w.unchanged(func() {
		for _, version := range []int64{1, 3, 0, -1} {
			w.refused(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, version)), core.CodeVersionConflict)
		}
	})
	last := w.lastSeq(s.tenant)
	w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 2)))
	w.equal("the count of what was left", w.mustEvents(s.tenant, last)[0].Data["interactions"], any(int64(2)))
	w.Recount(s.tenant)
}

func deleteBufferedRemovesWhatIsThere(w *World) {
	s := w.stage()
	other := w.freshConversation(s)
	foreign := w.MustAppend(s.tenant, s.user, other.conversation, 1)
	before, version, last := w.mustUsage(s.tenant), w.mustVersion(s), w.lastSeq(s.tenant)
	e := s.entries
	d := w.makeBufferDelete(s, e[2].ID, e[0].ID, e[0].ID, foreign[0].ID, s.blob.Interactions[0], w.IDs.Interaction(), "a:b", "")
	given := dump(d)
	removed, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), d)
	w.ok(err)
	w.equal("what was handed in, after the call,", dump(d), given)
	w.equal("the number removed", removed, int64(2))
	w.equal("the buffer", entryIDs(w.mustBuffered(s)), entryIDs(e[1:2]))
	w.equal("the other buffer", entryIDs(w.mustBuffered(other)), entryIDs(foreign))
	w.forgotten(s, version, e[0].ID, e[2].ID)
	d.Event.Seq = last + 1
	d.Event.Data = counted(d.Event.Data, map[string]int64{"interactions": 2})
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{d.Event})
	after := before
	after.Interactions -= 2
	after.Buffered -= 2
	w.equal("the usage", w.mustUsage(s.tenant), after)
	w.Recount(s.tenant)
}

func deleteBufferedOfNothingIsSilent(w *World) {
	s := w.stage()
	w.unchanged(func() {
		for _, d := range []core.BufferDelete{
			w.makeBufferDelete(s, w.IDs.Interaction()),
			w.makeBufferDelete(s, s.blob.Interactions[0]), // sealed meanwhile
			w.makeBufferDelete(s),
		} {
			removed, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), d)
			w.ok(err)
			w.equal("the number removed", removed, int64(0))
		}
	})
	w.mustClose(s, 1) // what is closed can be forgotten
	removed, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, entryIDs(s.entries)...))
	w.ok(err)
	w.equal("the number removed", removed, int64(3))
	w.Recount(s.tenant)
}

// forgettingRacesFlushing forgets one entry while others seal it: it is gone
// from the buffer, or sealed, and never both or half.
func forgettingRacesFlushing(w *World) {
	s := w.stage()
	for range 8 {
		at := w.freshConversation(s)
		entries := w.MustAppend(s.tenant, s.user, at.conversation, 3)
		var removed int64
		errs := together(2, func(i int) (err error) {
			if i == 0 {
				removed, err = w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(at, entries[1].ID))
				return err
			}
			_, err = w.flush(at, entries, 2)
			return err
		})
		w.ok(errs[0])
		if flushed := errs[1] == nil; flushed != (removed == 0) {
			w.T.Fatalf("%d were forgotten; the flush of them gave %v", removed, errs[1])
		}
	}
	w.Recount(s.tenant)
}

func clearLeavesConversations(w *World) {
	s := w.stage()
	sibling, stranger, second := w.cast(s), w.stage(), w.freshConversation(s)
	w.MustAppend(s.tenant, s.user, second.conversation, 2)
	rest := w.mustUsage(s.tenant)
	version, last := w.mustVersion(s), w.lastSeq(s.tenant)
	event := w.MakeEvent(s.tenant, core.EventMemoryDeleted)
	given := dump(event)
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, event))
	w.equal("what was handed in, after the call,", dump(event), given)
	event.Seq = last + 1
	event.Data = counted(event.Data, map[string]int64{"interactions": 8, "blobs": 1})
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{event})
	w.equal("the changes", w.mustChanges(s.tenant, s.user, version), []core.Change{{Version: version + 1, Kind: core.ChangeCleared}})
	for _, at := range []stage{s, second} {
		c := w.mustConversation(s.tenant, s.user, at.conversation)
		w.equal("the counters", []int64{c.Interactions, c.Buffered}, []int64{0, 0})
		w.equal("the buffer", w.mustBuffered(at), []core.BufferEntry(nil))
	}
	_, err := w.Blob(w.Ctx, s.tenant, s.user, s.blob.ID)
	w.refused(err, core.CodeNotFound)
	rest.Interactions -= 8
	rest.Buffered -= 5
	rest.Blobs--
	rest.BlobBytes -= s.blob.Size
	w.equal("the usage", w.mustUsage(s.tenant), rest)
	w.equal("another user's blob", w.mustBlob(sibling.tenant, sibling.user, sibling.blob.ID), sibling.blob)
	w.Recount(s.tenant)
	w.Recount(stranger.tenant)
}

func clearRacesAppends(w *World) {
	s := w.stage()
	w.allOK(together(12, func(i int) error {
		if i%4 == 0 {
			return w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted))
		}
		if err := w.append(s, 2); err != nil || i%4 != 1 {
			return err
		}
		head, err := w.Buffered(w.Ctx, s.tenant, s.user, s.conversation, 2)
		if err != nil || len(head) == 0 {
			return err
		}
		if _, err = w.flush(s, head, 1); core.Is(err, core.CodeVersionConflict) {
			return nil
		}
		return err
	}))
	w.Recount(s.tenant)
}

func expiredComesOldestFirst(w *World) {
	s := w.stage()
	other := w.stage() // another tenant's never show
	base := w.start.Add(-24 * time.Hour)
	at := func(hour int, sealed bool) core.ExpiredPlace {
		w.T.Helper()
		c := w.freshConversation(s)
		a := w.MakeAppend(s.user, c.conversation, 2)
		a.Entries[0].AcceptedAt = base.Add(time.Duration(hour) * time.Hour)
		a.Entries[1].AcceptedAt = base.Add(20 * time.Hour)
		entries := w.mustAppend(s.tenant, a)
		place := core.ExpiredPlace{User: s.user, Conversation: c.conversation}
		if sealed {
			place.Blob = w.MustFlush(s.tenant, s.user, entries).ID
		}
		return place
	}
	want := make([]core.ExpiredPlace, 6)
	for _, hour := range []int{3, 0, 5, 1, 4, 2} {
		want[hour] = at(hour, hour%2 == 1)
	}
	expired := func(hour, limit int) []core.ExpiredPlace {
		w.T.Helper()
		got, err := w.Expired(w.Ctx, s.tenant, base.Add(time.Duration(hour)*time.Hour), limit)
		w.ok(err)
		return got
	}
	w.equal("what is older than the oldest", expired(0, 10), []core.ExpiredPlace(nil))
	w.equal("what is expired", expired(5, 10), want[:5]) // what was accepted at that moment is not
	w.equal("the oldest two", expired(5, 2), want[:2])
	blob := w.mustBlob(s.tenant, s.user, want[3].Blob)
	r := w.MakeRewrite(s.tenant, blob, 0)
	r.New.FirstTakenAt = blob.LastTakenAt
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), r))
	w.equal("what is expired, without what was rewritten", expired(5, 10), slices.Concat(want[:3], want[4:5]))
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryExpired)))
	w.equal("what is expired, when all is gone", expired(500, 10), []core.ExpiredPlace(nil))
	all, err := w.Expired(w.Ctx, other.tenant, w.start.AddDate(1, 0, 0), 10)
	w.ok(err)
	w.equal("what the other tenant has", len(all), 2)
}

// expiredLooksAtEachEntry has a buffer whose head is younger than what follows,
// as after a clock that stepped back.
func expiredLooksAtEachEntry(w *World) {
	s := w.freshConversation(w.stage())
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	a := w.MakeAppend(s.user, s.conversation, 3)
	a.Entries[0].AcceptedAt = w.start.Add(-time.Hour)
	a.Entries[1].AcceptedAt = w.start.Add(-3 * time.Hour)
	a.Entries[2].AcceptedAt = w.start.Add(-2 * time.Hour)
	entries := w.mustAppend(s.tenant, a)
	place := []core.ExpiredPlace{{User: s.user, Conversation: s.conversation}}
	expired := func(hours int, want []core.ExpiredPlace) {
		w.T.Helper()
		got, err := w.Expired(w.Ctx, s.tenant, w.start.Add(-time.Duration(hours)*time.Hour).Add(-30*time.Minute), 10)
		w.ok(err)
		w.equal("what is expired", got, want)
	}
	expired(3, nil)
	expired(2, place)
	_, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, entries[1].ID))
	w.ok(err)
	expired(2, nil)
	expired(1, place)
	_, err = w.flush(s, []core.BufferEntry{entries[0], entries[2]}, 1)
	w.ok(err)
	got, err := w.Expired(w.Ctx, s.tenant, w.start, 10)
	w.ok(err)
	w.equal("the number expired, once sealed", len(got), 2)
}
