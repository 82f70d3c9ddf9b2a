package contract

import "github.com/raven-memory/raven/core"

func conversationQuotaHoldsUnderARace(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxConversationsPerUser = 20 })
	users := []core.UserID{w.MustCreateUser(t.ID).ID, w.MustCreateUser(t.ID).ID}
	errs := together(64, func(i int) error { return w.createConversation(w.MakeConversation(t.ID, users[i%2])) })
	w.outcome(errs, map[core.Code]int{"": 40, core.CodeQuotaExhausted: 24})
	for _, err := range errs {
		if err != nil {
			w.exhausted(err, core.QuotaUse{Name: "max_conversations_per_user", Limit: 20, Used: 20})
		}
	}
	w.equal("the quota.exhausted events", w.exhaustions(t.ID), 2)
	w.equal("the conversations", w.mustUsage(t.ID).Conversations, int64(40))
	w.Recount(t.ID)
}

func conversationExhaustionIsToldOnce(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxConversationsPerUser = 1 })
	limit := func(n int64) { w.mustSet(t.ID, func(s *core.Settings) { s.MaxConversationsPerUser = n }) }
	a, b := w.MustCreateUser(t.ID).ID, w.MustCreateUser(t.ID).ID
	full := func(user core.UserID, limit, used int64, events int) {
		w.T.Helper()
		err := w.createConversation(w.MakeConversation(t.ID, user))
		w.exhausted(err, core.QuotaUse{Name: "max_conversations_per_user", Limit: limit, Used: used})
		w.equal("the quota.exhausted events", w.exhaustions(t.ID), events)
	}
	first := w.MustCreateConversation(t.ID, a)
	w.MustCreateConversation(t.ID, b)
	full(a, 1, 1, 1)
	full(a, 1, 1, 1)
	full(b, 1, 1, 2) // each user's is a quota of its own
	limit(2)
	w.MustCreateConversation(t.ID, a)
	full(a, 2, 2, 3)
	limit(1) // b had room in between
	full(b, 1, 1, 4)
	full(a, 1, 2, 4)
	w.ok(w.deleteConversation(stage{tenant: t.ID, user: a, conversation: first.ID}))
	full(a, 1, 1, 4) // still no room
	limit(0)
	full(a, 0, 1, 4)
	full(b, 0, 1, 4)
	w.Recount(t.ID)
}

func closedConversationsCount(w *World) {
	s := w.stage()
	w.mustSet(s.tenant, func(s *core.Settings) { s.MaxConversationsPerUser = 1 })
	w.mustClose(s, 1)
	n := w.MakeConversation(s.tenant, s.user)
	w.refused(w.createConversation(n), core.CodeQuotaExhausted)
	n.Record.RefKey = s.ref // the reference is looked at first
	w.taken(w.createConversation(n), string(s.conversation))
	n.Record.User = w.IDs.User() // the user before that
	w.refused(w.createConversation(n), core.CodeNotFound)
	w.ok(w.deleteConversation(s))
	w.MustCreateConversation(s.tenant, s.user)
}

func updateReplacesAConversationsSealedPart(w *World) {
	s := w.stage()
	want := w.mustConversation(s.tenant, s.user, s.conversation)
	for version := int64(1); version <= 3; version++ {
		u := w.makeConversationUpdate(s, version, version == 2)
		got, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), u)
		w.ok(err)
		want.Sealed, want.Version, want.UpdatedAt = u.Sealed, version+1, u.At
		if version == 2 { // what is closed can still be renamed
			want.Status, want.ClosedAt = core.ConversationClosed, &u.At
		}
		w.equal("what the update returned", got, want)
		w.equal("the conversation", w.mustConversation(s.tenant, s.user, s.conversation), want)
	}
	w.unchanged(func() {
		for _, version := range []int64{1, 3, 5, 0, -1} {
			_, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), w.makeConversationUpdate(s, version, false))
			w.refused(err, core.CodeVersionConflict)
		}
	})
	w.Recount(s.tenant)
}

func closingHappensOnce(w *World) {
	s := w.stage()
	last := w.lastSeq(s.tenant)
	u := w.makeConversationUpdate(s, 1, true)
	closed, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), u)
	w.ok(err)
	u.Event.Seq = last + 1
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{u.Event})
	w.unchanged(func() { // closed again, by somebody who knows that it is
		got, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), w.makeConversationUpdate(s, 2, true))
		w.ok(err)
		w.equal("what closing again returned", got, closed)
	})
	w.unchanged(func() {
		_, err := w.Append(w.Ctx, s.tenant, w.Op(), w.MakeAppend(s.user, s.conversation, 1))
		w.refused(err, core.CodeConversationClosed)
	})
}

func oneOfManyConversationUpdatesWins(w *World) {
	s := w.stage()
	errs := together(12, func(int) error {
		_, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), w.makeConversationUpdate(s, 1, false))
		return err
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 11})
}

func oneOfManyCloses(w *World) {
	s := w.stage()
	last := w.lastSeq(s.tenant)
	for _, err := range together(12, func(int) error {
		_, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), w.makeConversationUpdate(s, 1, true))
		return err
	}) {
		if err != nil { // or it finds closed what it wants closed
			w.refused(err, core.CodeVersionConflict)
		}
	}
	w.equal("the version", w.mustConversation(s.tenant, s.user, s.conversation).Version, int64(2))
	w.equal("the number of events", len(w.mustEvents(s.tenant, last)), 1)
}

func memoryStepsLeaveTheVersion(w *World) {
	s := w.stage()
	w.MustAppend(s.tenant, s.user, s.conversation, 1)
	w.MustFlush(s.tenant, s.user, s.entries)
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, s.blob, 0)))
	event := w.MakeEvent(s.tenant, core.EventMemoryDeleted)
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, event))
	w.mustClose(s, 1)
}

func deletedConversationLeavesNothing(w *World) {
	s := w.stage()
	before := w.mustUsage(s.tenant)
	gone := s
	gone.conversation = w.MustCreateConversation(s.tenant, s.user).ID
	entries := w.MustAppend(s.tenant, s.user, gone.conversation, 5)
	gone.blob = w.MustFlush(s.tenant, s.user, entries[:3])
	gone.entries = entries[3:]
	event := w.MakeEvent(s.tenant, core.EventMemoryDeleted)
	given := dump(event)
	last := w.lastSeq(s.tenant)
	version, err := w.MemoryVersion(w.Ctx, s.tenant, s.user)
	w.ok(err)
	w.ok(w.DeleteConversation(w.Ctx, s.tenant, w.Op(), s.user, gone.conversation, event))
	w.equal("what was handed in, after the call,", dump(event), given)
	event.Seq = last + 1
	event.Data = counted(event.Data, map[string]int64{"interactions": 5, "blobs": 1})
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{event})
	w.equal("the changes", w.mustChanges(s.tenant, s.user, version), []core.Change{
		{Version: version + 1, Kind: core.ChangeConversationDeleted, Conversation: gone.conversation},
	})
	for _, c := range everyCall() {
		if c.takes&(ofConversation|ofBlob) != 0 {
			w.on(named{w.T, c.name}).notFound(c, gone, ofConversation, string(gone.conversation))
		}
	}
	w.equal("the usage", w.mustUsage(s.tenant), before)
	w.Recount(s.tenant)
}

func oneOfManyDeletesAConversation(w *World) {
	s := w.stage()
	last := w.lastSeq(s.tenant)
	errs := together(8, func(int) error { return w.deleteConversation(s) })
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeNotFound: 7})
	w.equal("the events", len(w.mustEvents(s.tenant, last)), 1)
	w.equal("the usage", w.mustUsage(s.tenant), core.Usage{Users: 1})
}
