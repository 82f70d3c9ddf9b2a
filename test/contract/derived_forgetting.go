package contract

import (
	"sync"

	"github.com/raven-memory/raven/core"
)

// A stage's conversation has the numbers 1 to 3 in a blob and 4 to 6 in its buffer.

// forgets is what removes some of a stage's memory, and which numbers.
type forgets struct {
	name    string
	numbers []int64
	run     func(w *World, at stage) error
}

func waysToForget() []forgets {
	return []forgets{
		{"DeleteBlob", []int64{1, 2, 3}, func(w *World, at stage) error {
			return w.DeleteBlob(w.Ctx, at.tenant, w.Op(), w.makeBlobDelete(at, 1))
		}},
		{"RewriteBlob", []int64{2}, func(w *World, at stage) error {
			return w.RewriteBlob(w.Ctx, at.tenant, w.Op(), w.MakeRewrite(at.tenant, at.blob, 1))
		}},
		{"DeleteBuffered", []int64{4, 6}, func(w *World, at stage) error {
			_, err := w.DeleteBuffered(w.Ctx, at.tenant, w.Op(), w.makeBufferDelete(at, at.entries[0].ID, at.entries[2].ID))
			return err
		}},
	}
}

func forgettingRemovesWhatItTouches(w *World) {
	for _, way := range waysToForget() {
		s := w.stage()
		other := w.MustCreateConversation(s.tenant, s.user)
		elsewhere := core.DerivedPart{Conversation: other.ID, First: 1, Last: 100}
		var list []core.DerivedRecord
		var stay []core.DerivedID
		for first := int64(1); first <= 6; first++ {
			for last := first; last <= 6; last++ {
				d := w.makeDerived(0, elsewhere, s.part(first, last))
				if (first+last)%2 == 0 { // by its own stretch
					d.Parts, d.Conversation, d.First, d.Last = nil, s.conversation, first, last
				}
				list = append(list, d)
				if !anyWithin(way.numbers, first, last) {
					stay = append(stay, d.ID)
				}
			}
		}
		d := w.makeDerived(0, elsewhere)
		list, stay = append(list, d, w.makeDerived(0)), append(stay, d.ID)
		w.mustPut(s, list...)
		w.ok(way.run(w, s))
		w.left(way.name, s, stay...)
	}
}

func anyWithin(numbers []int64, first, last int64) bool {
	for _, n := range numbers {
		if first <= n && n <= last {
			return true
		}
	}
	return false
}

func putAfterForgettingIsRefused(w *World) {
	ways := append(waysToForget(),
		forgets{"DeleteConversation", nil, func(w *World, at stage) error {
			return w.DeleteConversation(w.Ctx, at.tenant, w.Op(), at.user, at.conversation, w.MakeEvent(at.tenant, core.EventMemoryDeleted))
		}},
		forgets{"ClearMemory", nil, func(w *World, at stage) error {
			return w.ClearMemory(w.Ctx, at.tenant, w.Op(), at.user, w.MakeEvent(at.tenant, core.EventMemoryDeleted))
		}},
	)
	for _, way := range ways {
		s := w.stage()
		elsewhere := w.MustCreateConversation(s.tenant, s.user)
		before, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
		w.ok(err)
		w.ok(way.run(w, s))
		w.refused(w.put(s, w.makeDerived(before, s.part(1, 6))), core.CodeVersionConflict)
		w.refused(w.put(s, w.makeDerived(before)), core.CodeVersionConflict)
		w.left(way.name+" before the put", s)
		d := w.makeDerived(before, core.DerivedPart{Conversation: elsewhere.ID, First: 1, Last: 2})
		if err := w.put(s, d); way.name == "ClearMemory" {
			w.refused(err, core.CodeVersionConflict)
		} else {
			w.ok(err)
			w.left(way.name+" in another conversation", s, d.ID)
		}
		w.mustPut(s, w.makeDerived(0, s.part(1, 6)), w.makeDerived(0))
	}
}

// putOfTooLongAgoIsRefused has as many changes as no store keeps.
func putOfTooLongAgoIsRefused(w *World) {
	s := w.stage()
	w.refused(w.put(s, w.makeDerived(everything)), core.CodeVersionConflict)
	for range 2*core.MinChangesKept + 1 {
		w.ok(w.append(s, 1))
	}
	now, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
	w.ok(err)
	w.refused(w.put(s, w.makeDerived(1, s.part(1, 3))), core.CodeVersionConflict)
	d := w.makeDerived(now-core.MinChangesKept, s.part(1, 3))
	w.ok(w.put(s, d))
	w.left("many appends", s, d.ID)
}

func clearingRemovesAllDerived(w *World) {
	s := w.stage()
	w.mustPut(s, w.makeDerived(0), w.makeDerived(0, s.part(90, 99)))
	w.ok(w.PutDerived(w.Ctx, s.tenant, s.user, core.DerivedVectors, []core.DerivedRecord{w.makeDerived(0)}, nil))
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	w.left("clearing", s)
	w.equal("the vectors", len(w.mustDerived(s, core.DerivedVectors)), 0)
	d := w.makeDerived(0)
	w.mustPut(s, d)
	w.left("a put after it", s, d.ID)
}

func deletedConversationLeavesNothingDerived(w *World) {
	s := w.stage()
	other := w.MustCreateConversation(s.tenant, s.user)
	stays := w.makeDerived(0, core.DerivedPart{Conversation: other.ID, First: 1, Last: 9})
	w.mustPut(s, w.makeDerived(0, s.part(90, 99), stays.Parts[0]), stays, w.makeDerived(0))
	w.ok(w.DeleteConversation(w.Ctx, s.tenant, w.Op(), s.user, s.conversation, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	w.left("the conversation", s, stays.ID)
}

func emptyConversationTakesNothingDerived(w *World) {
	s := w.stage()
	empty := w.MustCreateConversation(s.tenant, s.user)
	ids := w.mustPut(s, w.makeDerived(0, s.part(1, 3)), w.makeDerived(0))
	w.ok(w.DeleteConversation(w.Ctx, s.tenant, w.Op(), s.user, empty.ID, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	w.left("an empty conversation", s, ids...)
}

func deletedUserLeavesNothingDerived(w *World) {
	s := w.stage()
	sibling := w.cast(s)
	w.mustPut(s, w.makeDerived(0), w.makeDerived(0, s.part(1, 3)))
	ids := w.mustPut(sibling, w.makeDerived(0))
	w.ok(w.deleteUser(s.tenant, s.user))
	_, err := w.Derived(w.Ctx, s.tenant, s.user, core.DerivedIndex, all, false)
	w.refused(err, core.CodeNotFound)
	w.left("another user", sibling, ids...)
}

func sealingLeavesDerivedAlone(w *World) {
	s := w.stage()
	ids := w.mustPut(s, w.makeDerived(0, s.part(1, 6)), w.makeDerived(0))
	w.MustFlush(s.tenant, s.user, s.entries)
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, s.blob)))
	w.ok(w.append(s, 3))
	_, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, w.IDs.Interaction()))
	w.ok(err)
	w.left("sealing", s, ids...)
}

// forgettingRacesPutting has a record put while what it holds is forgotten:
// whichever comes first, it is not there in the end.
func forgettingRacesPutting(w *World) {
	for range 20 {
		s := w.stage()
		before, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
		w.ok(err)
		var once sync.Once
		w.outcomeIn(together(4, func(int) (err error) {
			forget := false
			once.Do(func() { forget = true })
			if forget {
				return w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 1))
			}
			return w.put(s, w.makeDerived(before, s.part(2, 2)))
		}), core.CodeVersionConflict)
		w.left("the race", s)
	}
}

// outcomeIn fails the test if an error carries another code than the one allowed.
func (w *World) outcomeIn(errs []error, allowed core.Code) {
	w.T.Helper()
	for _, err := range errs {
		if err != nil && !core.Is(err, allowed) {
			w.T.Fatalf("got %v, want the code %s at most", err, allowed)
		}
	}
}
