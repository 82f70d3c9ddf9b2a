package contract

import (
	"context"
	"fmt"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Changes is the contract of ports.Changes.
func Changes(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"NewUserHasNoChanges", newUserHasNoChanges},
		{"ChangesAreEachUsersOwn", changesAreEachUsersOwn},
		{"ChangesComeInPages", changesComeInPages},
		{"EnoughChangesAreKept", enoughChangesAreKept},
		{"FollowerSeesEveryChange", followerSeesEveryChange},
		{"RefusedStepsChangeNothing", refusedStepsChangeNothing},
	}, changeCalls())
}

func changeCalls() []call {
	const inUser = ofTenant | ofUser
	return []call{
		{name: "MemoryVersion", takes: inUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.MemoryVersion(ctx, at.tenant, at.user)
		}},
		{name: "Changes", takes: inUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			changes, ok, err := w.Changes(ctx, at.tenant, at.user, 0, 10)
			return []any{changes, ok}, err
		}},
	}
}

func newUserHasNoChanges(w *World) {
	t := w.MustCreateTenant()
	u := w.MustCreateUser(t.ID)
	w.MustCreateConversation(t.ID, u.ID) // is no memory
	w.equal("the version", w.mustVersion(stage{tenant: t.ID, user: u.ID}), int64(0))
	w.equal("the changes", w.mustChanges(t.ID, u.ID, 0), []core.Change(nil))
}

func changesAreEachUsersOwn(w *World) {
	s := w.stage()
	sibling, stranger := w.cast(s), w.stage()
	kinds := func(at stage) (list []core.ChangeKind) {
		w.T.Helper()
		for i, c := range w.mustChanges(at.tenant, at.user, 0) {
			if c.Conversation != at.conversation || c.Version != int64(i+1) {
				w.T.Fatalf("a user's change %d is %+v", i+1, c)
			}
			list = append(list, c.Kind)
		}
		return list
	}
	w.ok(w.append(s, 1))
	w.equal("the user's", kinds(s), []core.ChangeKind{core.ChangeAppended, core.ChangeSealed, core.ChangeAppended})
	w.equal("the sibling's", kinds(sibling), []core.ChangeKind{core.ChangeAppended, core.ChangeSealed})
	w.equal("the stranger's", kinds(stranger), []core.ChangeKind{core.ChangeAppended, core.ChangeSealed})
}

func changesComeInPages(w *World) {
	s := w.stage()
	for range 7 {
		w.ok(w.append(s, 1))
	}
	want := w.mustChanges(s.tenant, s.user, 0)
	w.equal("the version", w.mustVersion(s), int64(len(want)))
	var got []core.Change
	for after := int64(0); after < int64(len(want)); {
		page, ok, err := w.Changes(w.Ctx, s.tenant, s.user, after, 2)
		w.ok(err)
		if !ok || len(page) == 0 || len(page) > 2 {
			w.T.Fatalf("a page of two after %d of %d: %d changes, ok %v", after, len(want), len(page), ok)
		}
		got = append(got, page...)
		after = page[len(page)-1].Version
	}
	w.equal("the changes, in pages,", got, want)
	w.equal("the changes after the last", w.mustChanges(s.tenant, s.user, int64(len(want))), []core.Change(nil))
}

func enoughChangesAreKept(w *World) {
	s := w.stage()
	const more = core.MinChangesKept + 200
	w.allOK(together(50, func(int) error {
		for range more / 50 {
			if err := w.append(s, 1); err != nil {
				return err
			}
		}
		return nil
	}))
	version := w.mustVersion(s)
	w.equal("the version", version, int64(2+more))
	for _, behind := range []int64{core.MinChangesKept, core.MinChangesKept / 2, 1, 0} {
		if got := w.mustChanges(s.tenant, s.user, version-behind); int64(len(got)) != behind {
			w.T.Fatalf("%d changes behind, %d are told", behind, len(got))
		}
	}
	changes, ok, err := w.Changes(w.Ctx, s.tenant, s.user, 0, everything)
	w.ok(err)
	if ok && int64(len(changes)) != version {
		w.T.Fatalf("of all %d changes, %d are told as if they were all", version, len(changes))
	}
	w.Recount(s.tenant)
}

// followerSeesEveryChange reads on from the last version known while others
// write: a version that was told has all before it, and all is told in the end.
func followerSeesEveryChange(w *World) {
	s := w.stage()
	second := w.freshConversation(s)
	known := int64(0)
	follow := func() error {
		version, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
		if err != nil {
			return err
		}
		for known < version {
			page, ok, err := w.Changes(w.Ctx, s.tenant, s.user, known, 3)
			if err != nil {
				return err
			}
			if !ok || len(page) == 0 {
				return fmt.Errorf("at version %d of %d: ok %v, %d changes", known, version, ok, len(page))
			}
			for _, c := range page {
				if c.Version != known+1 {
					return fmt.Errorf("after version %d came %d", known, c.Version)
				}
				known = c.Version
			}
		}
		return nil
	}
	w.allOK(together(7, func(i int) error {
		for n := range 20 {
			var err error
			switch {
			case i == 6:
				err = follow()
			case i == 5 && n%4 == 0:
				_, err = w.flushSome(s, 2)
			default:
				err = w.append([]stage{s, second}[i%2], 1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	w.ok(follow())
	w.equal("the version the follower knows", known, w.mustVersion(s))
	w.Recount(s.tenant)
}

// flushSome seals what is at the head, unless somebody else does.
func (w *World) flushSome(at stage, n int) (int64, error) {
	head, err := w.Buffered(w.Ctx, at.tenant, at.user, at.conversation, n)
	if err != nil || len(head) == 0 {
		return 0, err
	}
	left, err := w.flush(at, head, n)
	if core.Is(err, core.CodeVersionConflict) {
		return 0, nil
	}
	return left, err
}

func refusedStepsChangeNothing(w *World) {
	s := w.stage()
	version := w.mustVersion(s)
	op := w.Op()
	w.refused(w.RewriteBlob(w.Ctx, s.tenant, op, w.MakeRewrite(s.tenant, core.BlobRecord{
		ID: s.blob.ID, User: s.user, Conversation: s.conversation, Version: 9,
		Numbers: s.blob.Numbers, Interactions: s.blob.Interactions,
	}, 0)), core.CodeVersionConflict)
	_, err := w.flush(s, s.entries[1:], 2)
	w.refused(err, core.CodeVersionConflict)
	w.mustClose(s, 1)
	w.refused(w.append(s, 1), core.CodeConversationClosed)
	w.equal("the version", w.mustVersion(s), version)
}
