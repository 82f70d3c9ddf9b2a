package contract

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Derived is the contract of ports.Derived.
func Derived(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"DerivedIsKeptWhole", derivedIsKeptWhole},
		{"DerivedComesInPages", derivedComesInPages},
		{"DerivedIsEachUsersOwn", derivedIsEachUsersOwn},
		{"PutReplacesInOneStep", putReplacesInOneStep},
		{"PutAgainIsOnce", putAgainIsOnce},
		{"DerivedIsBounded", derivedIsBounded},
		{"DerivedHasAKind", derivedHasAKind},
		{"DerivedCountsNowhere", derivedCountsNowhere},
		{"PutAfterForgettingIsRefused", putAfterForgettingIsRefused},
		{"PutOfTooLongAgoIsRefused", putOfTooLongAgoIsRefused},
		{"ForgettingRemovesWhatItTouches", forgettingRemovesWhatItTouches},
		{"ClearingRemovesAllDerived", clearingRemovesAllDerived},
		{"DeletedConversationLeavesNothingDerived", deletedConversationLeavesNothingDerived},
		{"EmptyConversationTakesNothingDerived", emptyConversationTakesNothingDerived},
		{"DeletedUserLeavesNothingDerived", deletedUserLeavesNothingDerived},
		{"SealingLeavesDerivedAlone", sealingLeavesDerivedAlone},
		{"ForgettingRacesPutting", forgettingRacesPutting},
		{"DerivedIsResealed", derivedIsResealed},
	}, derivedCalls())
}

func derivedCalls() []call {
	return []call{
		{name: "PutDerived", takes: ofTenant | ofUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			list := []core.DerivedRecord{w.makeDerived(0), w.makeDerived(0, core.DerivedPart{Conversation: at.conversation, First: 1, Last: 9})}
			lend(w, list)
			return done(w.PutDerived(ctx, at.tenant, at.user, core.DerivedIndex, list, nil))
		}},
		{name: "PutDerived of a conversation", takes: ofTenant | ofUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			d := w.makeDerived(0)
			d.Conversation, d.First, d.Last = at.conversation, 4, 6
			return done(w.PutDerived(ctx, at.tenant, at.user, core.DerivedVectors, []core.DerivedRecord{d}, []core.DerivedID{w.IDs.Derived()}))
		}},
		{name: "Derived", takes: ofTenant | ofUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Derived(ctx, at.tenant, at.user, core.DerivedIndex, core.Page{Limit: 10}, true)
		}},
	}
}

// makeDerived is one of a version, computed from the parts; of all there is for none.
func (w *World) makeDerived(version int64, parts ...core.DerivedPart) core.DerivedRecord {
	d := core.DerivedRecord{ID: w.IDs.Derived(), Parts: slices.Clone(parts), Version: version, KeyVersion: 3, Sealed: w.Bytes(50)}
	lend(w, d.Parts)
	return d
}

// part is a stretch of the stage's conversation.
func (s stage) part(first, last int64) core.DerivedPart {
	return core.DerivedPart{Conversation: s.conversation, First: first, Last: last}
}

func (w *World) put(at stage, add ...core.DerivedRecord) error {
	return w.PutDerived(w.Ctx, at.tenant, at.user, core.DerivedIndex, add, nil)
}

// mustPut puts records computed now, and returns their ids.
func (w *World) mustPut(at stage, add ...core.DerivedRecord) []core.DerivedID {
	w.T.Helper()
	now, err := w.MemoryVersion(w.Ctx, at.tenant, at.user)
	w.ok(err)
	var ids []core.DerivedID
	for i := range add {
		add[i].Version = now
		ids = append(ids, add[i].ID)
	}
	w.ok(w.put(at, add...))
	return ids
}

func (w *World) mustDerived(at stage, kind core.DerivedKind) []core.DerivedRecord {
	w.T.Helper()
	list, err := w.Derived(w.Ctx, at.tenant, at.user, kind, all, true)
	w.ok(err)
	ascending(w, "derived records", list, func(d core.DerivedRecord) int64 { return d.Position })
	return list
}

// left fails the test unless these records of the kind index are there, in order.
func (w *World) left(what string, at stage, want ...core.DerivedID) {
	w.T.Helper()
	var got []core.DerivedID
	for _, d := range w.mustDerived(at, core.DerivedIndex) {
		got = append(got, d.ID)
	}
	w.equal("what is left after "+what, got, want)
}

func derivedIsKeptWhole(w *World) {
	s := w.stage()
	of := w.makeDerived(0, s.part(1, 3), core.DerivedPart{Conversation: w.IDs.Conversation(), First: 7, Last: 7})
	whole := w.makeDerived(0)
	stretch := w.makeDerived(0)
	stretch.Conversation, stretch.First, stretch.Last = s.conversation, 2, 5
	w.mustPut(s, of, whole, stretch)
	want := []core.DerivedRecord{of, whole, stretch}
	got := w.mustDerived(s, core.DerivedIndex)
	headers, err := w.Derived(w.Ctx, s.tenant, s.user, core.DerivedIndex, all, false)
	w.ok(err)
	now, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
	w.ok(err)
	for i := range want {
		d := &want[i]
		d.User, d.Kind, d.Size, d.Position, d.Version = s.user, core.DerivedIndex, int64(len(d.Sealed)), got[i].Position, now
	}
	w.equal("the records", got, want)
	for i := range want {
		want[i].Sealed = nil
	}
	w.equal("their headers", headers, want)
}

func derivedComesInPages(w *World) {
	s := w.stage()
	var want []core.DerivedID
	for range 7 {
		want = append(want, w.mustPut(s, w.makeDerived(0))...)
		w.ok(w.PutDerived(w.Ctx, s.tenant, s.user, core.DerivedVectors, []core.DerivedRecord{w.makeDerived(0)}, nil))
	}
	var got []core.DerivedID
	for page := (core.Page{Limit: 3}); len(got) < 10; {
		list, err := w.Derived(w.Ctx, s.tenant, s.user, core.DerivedIndex, page, false)
		w.ok(err)
		for _, d := range list {
			got, page.After = append(got, d.ID), d.Position
		}
		if len(list) < page.Limit {
			break
		}
	}
	w.equal("the pages together", got, want)
	list, err := w.Derived(w.Ctx, s.tenant, s.user, core.DerivedIndex, core.Page{}, true)
	w.ok(err)
	w.equal("a page of none", len(list), 0)
}

func derivedIsEachUsersOwn(w *World) {
	s := w.stage()
	sibling, stranger := w.cast(s), w.stage()
	same := w.makeDerived(0, s.part(1, 3))
	for _, at := range []stage{s, sibling, stranger} {
		w.mustPut(at, same)
	}
	w.ok(w.PutDerived(w.Ctx, sibling.tenant, sibling.user, core.DerivedIndex, nil, []core.DerivedID{same.ID}))
	w.ok(w.DeleteConversation(w.Ctx, stranger.tenant, w.Op(), stranger.user, stranger.conversation, w.MakeEvent(stranger.tenant, core.EventMemoryDeleted)))
	w.left("what others did", s, same.ID)
	w.left("its removal", sibling)
	w.left("the deletion of another conversation", stranger, same.ID)
}

func putReplacesInOneStep(w *World) {
	s := w.stage()
	old := w.mustPut(s, w.makeDerived(0), w.makeDerived(0), w.makeDerived(0))
	vectors := w.makeDerived(0)
	w.ok(w.PutDerived(w.Ctx, s.tenant, s.user, core.DerivedVectors, []core.DerivedRecord{vectors}, nil))
	add := w.makeDerived(0)
	replaces := []core.DerivedID{old[0], old[2], w.IDs.Derived(), vectors.ID, "", "der_*", "a/b"}
	w.ok(w.PutDerived(w.Ctx, s.tenant, s.user, core.DerivedIndex, []core.DerivedRecord{add}, replaces))
	w.left("a put that replaces", s, old[1], add.ID)
	w.equal("the vectors", len(w.mustDerived(s, core.DerivedVectors)), 1)
	stale := w.makeDerived(everything)
	err := w.PutDerived(w.Ctx, s.tenant, s.user, core.DerivedIndex, []core.DerivedRecord{stale}, []core.DerivedID{old[1]})
	w.refused(err, core.CodeVersionConflict)
	w.left("a put that was refused", s, old[1], add.ID)
}

func putAgainIsOnce(w *World) {
	s := w.stage()
	d, other := w.makeDerived(0, s.part(1, 9)), w.makeDerived(0)
	w.mustPut(s, d, other)
	d.Parts = []core.DerivedPart{{Conversation: w.IDs.Conversation(), First: 1, Last: 2}}
	w.mustPut(s, d)
	w.left("a second put", s, other.ID, d.ID)
	w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 1)))
	w.left("forgetting what the first was of", s, d.ID)
}

func derivedIsBounded(w *World) {
	s := w.stage()
	d := w.makeDerived(0)
	d.Sealed = make([]byte, core.MaxDerivedBytes)
	w.mustPut(s, d)
	w.equal("the longest", len(w.mustDerived(s, core.DerivedIndex)[0].Sealed), core.MaxDerivedBytes)
	over := w.makeDerived(0)
	over.Sealed = make([]byte, core.MaxDerivedBytes+1)
	w.refused(w.put(s, over), core.CodePayloadTooLarge)
	w.left("one that is too long", s, d.ID)
}

func derivedHasAKind(w *World) {
	s := w.stage()
	for _, kind := range []core.DerivedKind{"", "other", "index/", "INDEX"} {
		w.refused(w.PutDerived(w.Ctx, s.tenant, s.user, kind, nil, nil), core.CodeNotFound)
		_, err := w.Derived(w.Ctx, s.tenant, s.user, kind, all, false)
		w.refused(err, core.CodeNotFound)
	}
	for _, id := range hostile(string(w.IDs.Derived())) {
		if core.DerivedID(id).Valid() { // it only looks like another
			continue
		}
		d := w.makeDerived(0)
		d.ID = core.DerivedID(id)
		w.refused(w.put(s, d), core.CodeNotFound)
		w.refused(w.put(s, w.makeDerived(0, core.DerivedPart{Conversation: core.ConversationID(id)})), core.CodeNotFound)
	}
	w.left("what cannot be", s)
}

func derivedCountsNowhere(w *World) {
	s := w.stage()
	usage, last := w.mustUsage(s.tenant), w.lastSeq(s.tenant)
	version, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
	w.ok(err)
	w.mustPut(s, w.makeDerived(0))
	after, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
	w.ok(err)
	w.equal("the memory's version", after, version)
	w.equal("usage", w.mustUsage(s.tenant), usage)
	w.equal("the events", w.lastSeq(s.tenant), last)
}

// derivedIsResealed holds that a data key can go without what is under it.
func derivedIsResealed(w *World) {
	s := w.stage()
	d := w.makeDerived(0, s.part(1, 3))
	w.mustPut(s, d, w.makeDerived(0))
	before := w.mustDerived(s, core.DerivedIndex)
	r := w.resealed(core.DerivedPlace(s.tenant, before[0]), before[0].Sealed, 7)
	now := bytes.Clone(r.Now)
	other := r
	other.Place.Record = "vectors//" + string(d.ID)
	w.mustReseal(s.tenant, 0, other)
	w.mustReseal(w.stage().tenant, 0, r)
	w.mustReseal(s.tenant, 1, r)
	w.mustReseal(s.tenant, 0, r) // it is not what it was
	want := before
	want[0].Sealed, want[0].Size, want[0].KeyVersion = now, int64(len(now)), 7
	w.equal("what is resealed", w.mustDerived(s, core.DerivedIndex), want)
	w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 1)))
	w.left("forgetting", s)
}
