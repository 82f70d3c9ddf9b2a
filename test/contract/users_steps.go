package contract

import "github.com/raven-memory/raven/core"

func userQuotaHoldsUnderARace(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxUsers = 40 })
	errs := together(64, func(int) error { return w.createUser(w.MakeUser(t.ID)) })
	w.outcome(errs, map[core.Code]int{"": 40, core.CodeQuotaExhausted: 24})
	for _, err := range errs {
		if err != nil {
			w.exhausted(err, core.QuotaUse{Name: "max_users", Limit: 40, Used: 40})
		}
	}
	w.equal("the users", w.mustUsage(t.ID).Users, int64(40))
	w.equal("the quota.exhausted events", w.exhaustions(t.ID), 1)
	w.Recount(t.ID)
}

func userExhaustionIsToldOnce(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxUsers = 1 })
	limit := func(n int64) { w.mustSet(t.ID, func(s *core.Settings) { s.MaxUsers = n }) }
	full := func(limit, used int64, events int) {
		w.T.Helper()
		n := w.MakeUser(t.ID)
		w.exhausted(w.createUser(n), core.QuotaUse{Name: "max_users", Limit: limit, Used: used})
		w.equal("the quota.exhausted events", w.exhaustions(t.ID), events)
		_, err := w.User(w.Ctx, t.ID, n.Record.ID)
		w.refused(err, core.CodeNotFound)
	}
	u := w.MustCreateUser(t.ID)
	full(1, 1, 1)
	full(1, 1, 1)
	limit(2) // room, and it is used
	second := w.MustCreateUser(t.ID)
	full(2, 2, 2)
	limit(1) // less than there are: no room came
	full(1, 2, 2)
	w.ok(w.deleteUser(t.ID, u.ID)) // still no room
	full(1, 1, 2)
	w.ok(w.deleteUser(t.ID, second.ID)) // room
	w.MustCreateUser(t.ID)
	full(1, 1, 3)
	limit(5)
	limit(1) // there was room in between
	full(1, 1, 4)
	limit(0)
	full(0, 1, 4)
	w.Recount(t.ID)
}

func takenReferenceComesBeforeTheQuota(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxUsers = 1 })
	u := w.MustCreateUser(t.ID)
	n := w.MakeUser(t.ID)
	n.Record.RefKey = u.RefKey
	w.unchanged(func() { w.taken(w.createUser(n), string(u.ID)) })
}

func quotaRefusalIsNotRemembered(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxUsers = 0 })
	n, op := w.MakeUser(t.ID), w.Op()
	for range 2 {
		_, err := w.CreateUser(w.Ctx, t.ID, op, n)
		w.refused(err, core.CodeQuotaExhausted)
		w.equal("the quota.exhausted events", w.exhaustions(t.ID), 1)
	}
	w.mustSet(t.ID, func(s *core.Settings) { s.MaxUsers = 1 })
	first, err := w.CreateUser(w.Ctx, t.ID, op, n)
	w.ok(err)
	again, err := w.CreateUser(w.Ctx, t.ID, op, w.MakeUser(t.ID)) // full by now, but done before
	w.ok(err)
	w.equal("the second outcome of one operation", again, first)
	w.equal("the quota.exhausted events", w.exhaustions(t.ID), 1)
}

func emptyOperationIsNotRemembered(w *World) {
	t := w.MustCreateTenant()
	for range 3 {
		_, err := w.CreateUser(w.Ctx, t.ID, core.Op{}, w.MakeUser(t.ID))
		w.ok(err)
	}
	w.equal("the users", w.mustUsage(t.ID).Users, int64(3))
}

func outcomeOutlivesTheUser(w *World) {
	t := w.MustCreateTenant()
	n, op, deletion := w.MakeUser(t.ID), w.Op(), w.Op()
	first, err := w.CreateUser(w.Ctx, t.ID, op, n)
	w.ok(err)
	w.ok(w.DeleteUser(w.Ctx, t.ID, deletion, n.Record.ID, w.MakeEvent(t.ID, core.EventUserDeleted)))
	w.unchanged(func() {
		again, err := w.CreateUser(w.Ctx, t.ID, op, n)
		w.ok(err)
		w.equal("the second outcome of one operation", again, first)
		w.ok(w.DeleteUser(w.Ctx, t.ID, deletion, n.Record.ID, w.MakeEvent(t.ID, core.EventUserDeleted)))
	})
}

func updateReplacesTheSealedPart(w *World) {
	t := w.MustCreateTenant()
	made := w.MustCreateUser(t.ID)
	u := w.makeUserUpdate(t.ID, made.ID, 1)
	got, err := w.UpdateUser(w.Ctx, t.ID, w.Op(), u)
	w.ok(err)
	want := made
	want.Sealed, want.Version, want.UpdatedAt = u.Sealed, 2, u.At
	w.equal("what the update returned", got, want)
	got, err = w.User(w.Ctx, t.ID, made.ID)
	w.ok(err)
	w.equal("the user", got, want)
	w.unchanged(func() {
		for _, version := range []int64{1, 3, 0, -1} {
			_, err := w.UpdateUser(w.Ctx, t.ID, w.Op(), w.makeUserUpdate(t.ID, made.ID, version))
			w.refused(err, core.CodeVersionConflict)
		}
	})
}

func oneOfManyUserUpdatesWins(w *World) {
	t := w.MustCreateTenant()
	u := w.MustCreateUser(t.ID)
	for version := int64(1); version <= 4; version++ {
		errs := together(8, func(int) error {
			_, err := w.UpdateUser(w.Ctx, t.ID, w.Op(), w.makeUserUpdate(t.ID, u.ID, version))
			return err
		})
		w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 7})
	}
}

func deletedUserLeavesNothing(w *World) {
	s := w.stage()
	before := w.state(false)
	gone := w.cast(s)
	second := w.MustCreateConversation(s.tenant, gone.user)
	w.MustAppend(s.tenant, gone.user, second.ID, 2)
	event := w.MakeEvent(s.tenant, core.EventUserDeleted)
	given := dump(event)
	last := w.lastSeq(s.tenant)
	w.ok(w.DeleteUser(w.Ctx, s.tenant, w.Op(), gone.user, event))
	w.equal("what was handed in, after the call,", dump(event), given)
	event.Seq = last + 1
	event.Data = counted(event.Data, map[string]int64{"conversations": 2, "interactions": 8, "blobs": 1})
	w.equal("the event", w.mustEvents(s.tenant, last), []core.Event{event})
	for _, c := range everyCall() {
		if c.takes&(ofUser|ofConversation|ofBlob) != 0 {
			w.on(named{w.T, c.name}).notFound(c, gone, ofUser, string(gone.user))
		}
	}
	_, err := w.UserByRef(w.Ctx, s.tenant, gone.userRef)
	w.refused(err, core.CodeNotFound)
	w.equal("what others have", w.state(false), before)
	w.Recount(s.tenant)
}

// counted is an event's data with counts added by the store.
func counted(data core.EventData, counts map[string]int64) core.EventData {
	out := core.EventData{}
	for k, v := range data {
		out[k] = v
	}
	for k, n := range counts {
		out[k] = n
	}
	return out
}

func oneOfManyDeletesAUser(w *World) {
	s := w.stage()
	last := w.lastSeq(s.tenant)
	errs := together(8, func(int) error { return w.deleteUser(s.tenant, s.user) })
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeNotFound: 7})
	w.equal("the events", len(w.mustEvents(s.tenant, last)), 1)
	w.equal("the usage", w.mustUsage(s.tenant), core.Usage{})
}

// deletionBeatsWhatIsUnderWay deletes users while others write for them:
// whatever came first, nothing is left.
func deletionBeatsWhatIsUnderWay(w *World) {
	s := w.stage()
	for range 6 {
		u := w.cast(s)
		errs := together(9, func(i int) error {
			var err error
			switch {
			case i == 4:
				return w.deleteUser(s.tenant, u.user)
			case i%3 == 0:
				_, err = w.Append(w.Ctx, s.tenant, w.Op(), w.MakeAppend(u.user, u.conversation, 2))
			case i%3 == 1:
				_, err = w.CommitFlush(w.Ctx, s.tenant, w.Op(), w.MakeFlush(s.tenant, u.user, u.entries, 2))
			default:
				_, err = w.CreateConversation(w.Ctx, s.tenant, w.Op(), w.MakeConversation(s.tenant, u.user))
			}
			if core.Is(err, core.CodeNotFound) || core.Is(err, core.CodeVersionConflict) {
				return nil
			}
			return err
		})
		w.allOK(errs)
	}
	w.equal("the usage", w.mustUsage(s.tenant), core.Usage{
		Users: 1, Conversations: 1, Interactions: 6, Buffered: 3, Blobs: 1, BlobBytes: s.blob.Size,
	})
	w.Recount(s.tenant)
}
