package contract

import (
	"context"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Conversations is the contract of ports.Conversations.
func Conversations(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"ConversationIsKeptWhole", conversationIsKeptWhole},
		{"ConversationsComeInOrderOfCreation", conversationsComeInOrderOfCreation},
		{"ConversationPagesSurviveInserts", conversationPagesSurviveInserts},
		{"PositionsAreNotUsedAgain", conversationPositionsAreNotUsedAgain},
		{"LookAlikeReferencesAreApart", lookAlikeConversationRefsAreApart},
		{"ReferenceIsTakenWithinItsUser", referenceIsTakenWithinItsUser},
		{"OneOfManyTakesAReference", oneOfManyTakesAConversationRef},
		{"NoConversationWithoutAnID", noConversationWithoutAnID},
		{"QuotaHoldsUnderARace", conversationQuotaHoldsUnderARace},
		{"ExhaustionIsToldOncePerUser", conversationExhaustionIsToldOnce},
		{"ClosedConversationsCount", closedConversationsCount},
		{"UpdateReplacesTheSealedPart", updateReplacesAConversationsSealedPart},
		{"ClosingHappensOnce", closingHappensOnce},
		{"OneOfManyUpdatesWins", oneOfManyConversationUpdatesWins},
		{"OneOfManyCloses", oneOfManyCloses},
		{"MemoryStepsLeaveTheVersion", memoryStepsLeaveTheVersion},
		{"DeletedConversationLeavesNothing", deletedConversationLeavesNothing},
		{"OneOfManyDeletesAConversation", oneOfManyDeletesAConversation},
	}, conversationCalls())
}

func conversationCalls() []call {
	const inUser, inConversation = ofTenant | ofUser, ofTenant | ofUser | ofConversation
	return []call{
		{
			name: "CreateConversation", takes: inUser, step: true, events: []core.EventType{core.EventConversationCreated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.CreateConversation(ctx, at.tenant, op, w.MakeConversation(at.tenant, at.user))
			},
		},
		{name: "Conversation", takes: inConversation, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Conversation(ctx, at.tenant, at.user, at.conversation)
		}},
		{name: "ConversationByRef", takes: inUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.ConversationByRef(ctx, at.tenant, at.user, at.ref)
		}},
		{name: "Conversations", takes: inUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Conversations(ctx, at.tenant, at.user, all)
		}},
		{
			name: "UpdateConversation", takes: inConversation, step: true,
			events: []core.EventType{core.EventConversationUpdated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.UpdateConversation(ctx, at.tenant, op, w.makeConversationUpdate(at, 1, false))
			},
		},
		{
			name: "UpdateConversation, closing", takes: inConversation, step: true,
			events: []core.EventType{core.EventConversationClosed},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.UpdateConversation(ctx, at.tenant, op, w.makeConversationUpdate(at, 1, true))
			},
		},
		{
			name: "DeleteConversation", takes: inConversation, step: true, events: []core.EventType{core.EventMemoryDeleted},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				event := w.MakeEvent(at.tenant, core.EventMemoryDeleted)
				return done(w.DeleteConversation(ctx, at.tenant, op, at.user, at.conversation, event))
			},
		},
	}
}

func (w *World) makeConversationUpdate(at stage, ifVersion int64, closing bool) core.ConversationUpdate {
	kind := core.EventConversationUpdated
	if closing {
		kind = core.EventConversationClosed
	}
	return core.ConversationUpdate{
		User: at.user, ID: at.conversation, Sealed: w.Bytes(58), Close: closing, IfVersion: ifVersion, At: w.Now(),
		Event: w.MakeEvent(at.tenant, kind),
	}
}

func (w *World) createConversation(n core.NewConversation) error {
	_, err := w.CreateConversation(w.Ctx, n.Event.Tenant, w.Op(), n)
	return err
}

func (w *World) deleteConversation(at stage) error {
	event := w.MakeEvent(at.tenant, core.EventMemoryDeleted)
	return w.DeleteConversation(w.Ctx, at.tenant, w.Op(), at.user, at.conversation, event)
}

func (w *World) mustClose(at stage, ifVersion int64) core.ConversationRecord {
	w.T.Helper()
	record, err := w.UpdateConversation(w.Ctx, at.tenant, w.Op(), w.makeConversationUpdate(at, ifVersion, true))
	w.ok(err)
	return record
}

func conversationIsKeptWhole(w *World) {
	s := w.stage()
	n := w.MakeConversation(s.tenant, s.user)
	last := w.lastSeq(s.tenant)
	given := dump(n)
	got, err := w.CreateConversation(w.Ctx, s.tenant, w.Op(), n)
	w.ok(err)
	w.equal("what was handed in, after the call,", dump(n), given)
	want := n.Record
	want.Position = got.Position
	w.equal("what creation returned", got, want)
	w.equal("the conversation", w.mustConversation(s.tenant, s.user, n.Record.ID), want)
	got, err = w.ConversationByRef(w.Ctx, s.tenant, s.user, n.Record.RefKey)
	w.ok(err)
	w.equal("the conversation by reference", got, want)
	n.Event.Seq = last + 1
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{n.Event})
	w.Recount(s.tenant)
}

func conversationsComeInOrderOfCreation(w *World) {
	t := w.MustCreateTenant()
	u, sibling := w.MustCreateUser(t.ID), w.MustCreateUser(t.ID)
	ids := make([]core.ConversationID, 5)
	for i := range ids {
		ids[i] = w.IDs.Conversation()
	}
	var want []core.ConversationRecord
	for _, of := range []int{2, 4, 0, 3, 1} {
		n := w.MakeConversation(t.ID, u.ID)
		n.Record.ID = ids[of]
		record, err := w.CreateConversation(w.Ctx, t.ID, w.Op(), n)
		w.ok(err)
		want = append(want, record)
		w.MustCreateConversation(t.ID, sibling.ID)
	}
	got, err := w.Conversations(w.Ctx, t.ID, u.ID, all)
	w.ok(err)
	ascending(w, "conversations", got, conversationPosition)
	w.equal("the conversations", got, want)
	got, err = w.Conversations(w.Ctx, t.ID, u.ID, core.Page{After: want[1].Position, Limit: 2})
	w.ok(err)
	w.equal("a page", got, want[2:4])
}

func conversationPosition(c core.ConversationRecord) int64 { return c.Position }

func conversationPagesSurviveInserts(w *World) {
	s := w.stage()
	want := []core.ConversationID{s.conversation}
	for range 8 {
		want = append(want, w.MustCreateConversation(s.tenant, s.user).ID)
	}
	var got []core.ConversationID
	page := core.Page{Limit: 2}
	for i := range 100 {
		list, err := w.Conversations(w.Ctx, s.tenant, s.user, page)
		w.ok(err)
		if len(list) == 0 {
			break
		}
		for _, c := range list {
			got = append(got, c.ID)
		}
		page.After = list[len(list)-1].Position
		if i < 6 {
			want = append(want, w.MustCreateConversation(s.tenant, s.user).ID)
			w.MustAppend(s.tenant, s.user, want[0], 1) // being used does not move it
		}
	}
	w.equal("the conversations, in pages,", got, want)
}

func conversationPositionsAreNotUsedAgain(w *World) {
	s := w.stage()
	for range 3 {
		seen := w.MustCreateConversation(s.tenant, s.user)
		w.ok(w.deleteConversation(s.with(ofConversation, string(seen.ID))))
		next := w.MustCreateConversation(s.tenant, s.user)
		got, err := w.Conversations(w.Ctx, s.tenant, s.user, core.Page{After: seen.Position, Limit: 5})
		w.ok(err)
		w.equal("what came since", got, []core.ConversationRecord{next})
		w.ok(w.deleteConversation(s.with(ofConversation, string(next.ID))))
	}
}

func lookAlikeConversationRefsAreApart(w *World) {
	s := w.stage()
	sibling := w.cast(s)
	made := map[string]core.ConversationID{}
	for _, ref := range lookAlikeRefs() {
		n := w.MakeConversation(s.tenant, s.user)
		n.Record.RefKey = ref
		w.ok(w.createConversation(n))
		made[ref] = n.Record.ID
	}
	for ref, id := range made {
		got, err := w.ConversationByRef(w.Ctx, s.tenant, s.user, ref)
		w.ok(err)
		if got.ID != id || got.RefKey != ref {
			w.T.Fatalf("the reference %q finds the one with %q", ref, got.RefKey)
		}
		_, err = w.ConversationByRef(w.Ctx, s.tenant, sibling.user, ref)
		w.refused(err, core.CodeNotFound)
	}
	for _, ref := range hostile("ref_0") {
		if made[ref] != "" {
			continue
		}
		_, err := w.ConversationByRef(w.Ctx, s.tenant, s.user, ref)
		w.refused(err, core.CodeNotFound)
	}
}

func referenceIsTakenWithinItsUser(w *World) {
	s := w.stage()
	sibling := w.cast(s)
	second := w.MakeConversation(s.tenant, s.user)
	second.Record.RefKey = s.ref
	w.unchanged(func() { w.taken(w.createConversation(second), string(s.conversation)) })
	elsewhere := w.MakeConversation(s.tenant, sibling.user)
	elsewhere.Record.RefKey = s.ref
	w.ok(w.createConversation(elsewhere))
	w.mustClose(s, 1) // closed is not gone
	w.taken(w.createConversation(second), string(s.conversation))
	w.ok(w.deleteConversation(s))
	w.ok(w.createConversation(second))
	for range 2 {
		n := w.MakeConversation(s.tenant, s.user)
		n.Record.RefKey = ""
		w.ok(w.createConversation(n))
	}
	_, err := w.ConversationByRef(w.Ctx, s.tenant, s.user, "")
	w.refused(err, core.CodeNotFound)
}

func oneOfManyTakesAConversationRef(w *World) {
	s := w.stage()
	errs := together(32, func(int) error {
		n := w.MakeConversation(s.tenant, s.user)
		n.Record.RefKey = "same"
		return w.createConversation(n)
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeExternalRefTaken: 31})
	w.Recount(s.tenant)
}

func noConversationWithoutAnID(w *World) {
	s := w.stage()
	w.unchanged(func() {
		for _, id := range hostile(string(w.IDs.Conversation())) {
			n := w.MakeConversation(s.tenant, s.user)
			n.Record.ID = core.ConversationID(id)
			if n.Record.ID.Valid() {
				continue
			}
			if err := w.createConversation(n); err == nil {
				w.T.Fatalf("a conversation was made with the id %q", cut(id))
			}
		}
	})
}
