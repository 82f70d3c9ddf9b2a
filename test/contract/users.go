package contract

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Users is the contract of ports.Users.
func Users(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"UserIsKeptWhole", userIsKeptWhole},
		{"UsersComeInOrderOfCreation", usersComeInOrderOfCreation},
		{"UserPagesSurviveInserts", userPagesSurviveInserts},
		{"FollowerOfUsersMissesNone", followerOfUsersMissesNone},
		{"PositionsAreNotUsedAgain", userPositionsAreNotUsedAgain},
		{"LookAlikeReferencesAreApart", lookAlikeReferencesAreApart},
		{"ReferenceIsTakenWithinItsTenant", referenceIsTakenWithinItsTenant},
		{"OneOfManyTakesAReference", oneOfManyTakesAReference},
		{"UserWithoutReferenceIsFoundByNone", userWithoutReferenceIsFoundByNone},
		{"NoUserWithoutAnID", noUserWithoutAnID},
		{"LookAlikeTenantsAreApart", lookAlikeTenantsAreApart},
		{"QuotaHoldsUnderARace", userQuotaHoldsUnderARace},
		{"ExhaustionIsToldOnceUntilThereIsRoom", userExhaustionIsToldOnce},
		{"TakenReferenceComesBeforeTheQuota", takenReferenceComesBeforeTheQuota},
		{"QuotaRefusalIsNotRemembered", quotaRefusalIsNotRemembered},
		{"EmptyOperationIsNotRemembered", emptyOperationIsNotRemembered},
		{"OutcomeOutlivesTheUser", outcomeOutlivesTheUser},
		{"UpdateReplacesTheSealedPart", updateReplacesTheSealedPart},
		{"OneOfManyUserUpdatesWins", oneOfManyUserUpdatesWins},
		{"DeletedUserLeavesNothing", deletedUserLeavesNothing},
		{"OneOfManyDeletesAUser", oneOfManyDeletesAUser},
		{"DeletionBeatsWhatIsUnderWay", deletionBeatsWhatIsUnderWay},
	}, userCalls())
}

func userCalls() []call {
	return []call{
		{
			name: "CreateUser", takes: ofTenant, step: true, events: []core.EventType{core.EventUserCreated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.CreateUser(ctx, at.tenant, op, w.MakeUser(at.tenant))
			},
		},
		{name: "User", takes: ofTenant | ofUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.User(ctx, at.tenant, at.user)
		}},
		{name: "UserByRef", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.UserByRef(ctx, at.tenant, at.userRef)
		}},
		{name: "Users", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Users(ctx, at.tenant, all)
		}},
		{
			name: "UpdateUser", takes: ofTenant | ofUser, step: true, events: []core.EventType{core.EventUserUpdated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.UpdateUser(ctx, at.tenant, op, w.makeUserUpdate(at.tenant, at.user, 1))
			},
		},
		{
			name: "DeleteUser", takes: ofTenant | ofUser, step: true, events: []core.EventType{core.EventUserDeleted},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return done(w.DeleteUser(ctx, at.tenant, op, at.user, w.MakeEvent(at.tenant, core.EventUserDeleted)))
			},
		},
	}
}

func (w *World) makeUserUpdate(tenant core.TenantID, id core.UserID, ifVersion int64) core.UserUpdate {
	event := w.MakeEvent(tenant, core.EventUserUpdated)
	return core.UserUpdate{ID: id, Sealed: w.Bytes(55), IfVersion: ifVersion, At: w.Now(), Event: event}
}

func (w *World) createUser(n core.NewUser) error {
	_, err := w.CreateUser(w.Ctx, n.Event.Tenant, w.Op(), n)
	return err
}

func (w *World) deleteUser(tenant core.TenantID, id core.UserID) error {
	return w.DeleteUser(w.Ctx, tenant, w.Op(), id, w.MakeEvent(tenant, core.EventUserDeleted))
}

func userIsKeptWhole(w *World) {
	t := w.MustCreateTenant()
	n := w.MakeUser(t.ID)
	zone := time.FixedZone("far", 5*3600+1800) // nanoseconds of another zone
	n.Record.CreatedAt = n.Record.CreatedAt.In(zone).Add(123456 * time.Nanosecond)
	n.Event.At = n.Event.At.In(zone).Add(999999 * time.Nanosecond)
	given := dump(n)
	got, err := w.CreateUser(w.Ctx, t.ID, w.Op(), n)
	w.ok(err)
	w.equal("what was handed in, after the call,", dump(n), given)
	want := n.Record
	want.CreatedAt, want.Position = want.CreatedAt.UTC().Truncate(time.Millisecond), got.Position
	if got.Position <= 0 {
		w.T.Fatalf("a list starts after 0, and the position is %d", got.Position)
	}
	w.equal("what creation returned", got, want)
	got, err = w.User(w.Ctx, t.ID, n.Record.ID)
	w.ok(err)
	w.equal("the user", got, want)
	got, err = w.UserByRef(w.Ctx, t.ID, n.Record.RefKey)
	w.ok(err)
	w.equal("the user by reference", got, want)
	n.Event.Seq, n.Event.At = 3, n.Event.At.UTC().Truncate(time.Millisecond)
	w.equal("the event", w.mustEvents(t.ID, 2), []core.Event{n.Event})
}

func usersComeInOrderOfCreation(w *World) {
	t := w.MustCreateTenant()
	ids := []core.UserID{w.IDs.User(), w.IDs.User(), w.IDs.User(), w.IDs.User(), w.IDs.User()}
	var want []core.UserRecord
	for i, of := range []int{2, 4, 0, 3, 1} { // not in the order of ids or times
		n := w.MakeUser(t.ID)
		n.Record.ID = ids[of]
		n.Record.CreatedAt = n.Record.CreatedAt.Add(-time.Duration(i) * time.Hour)
		record, err := w.CreateUser(w.Ctx, t.ID, w.Op(), n)
		w.ok(err)
		want = append(want, record)
	}
	got, err := w.Users(w.Ctx, t.ID, all)
	w.ok(err)
	ascending(w, "users", got, userPosition)
	w.equal("the users", got, want)
	got, err = w.Users(w.Ctx, t.ID, core.Page{After: want[1].Position, Limit: 2})
	w.ok(err)
	w.equal("a page", got, want[2:4])
	got, err = w.Users(w.Ctx, t.ID, core.Page{After: want[4].Position, Limit: 2})
	w.ok(err)
	w.equal("the page after the last", got, []core.UserRecord(nil))
}

func userPosition(u core.UserRecord) int64 { return u.Position }

func userPagesSurviveInserts(w *World) {
	t := w.MustCreateTenant()
	var want []core.UserID
	for range 9 {
		want = append(want, w.MustCreateUser(t.ID).ID)
	}
	var got []core.UserID
	page := core.Page{Limit: 2}
	for i := range 100 {
		list, err := w.Users(w.Ctx, t.ID, page)
		w.ok(err)
		if len(list) == 0 {
			break
		}
		for _, u := range list {
			got = append(got, u.ID)
		}
		page.After = list[len(list)-1].Position
		if i < 6 { // what comes meanwhile comes at the end; what goes moves nothing
			want = append(want, w.MustCreateUser(t.ID).ID)
			w.ok(w.deleteUser(t.ID, w.MustCreateUser(t.ID).ID))
		}
	}
	w.equal("the users, in pages,", got, want)
}

// followerOfUsersMissesNone reads on from the last position seen while users
// are created: nothing may appear behind that position.
func followerOfUsersMissesNone(w *World) {
	t := w.MustCreateTenant()
	const writers, each = 8, 10
	seen := map[core.UserID]bool{}
	page := core.Page{Limit: 7}
	follow := func() error {
		for range 1000 {
			list, err := w.Users(w.Ctx, t.ID, page)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, u := range list {
				seen[u.ID] = true
			}
			page.After = list[len(list)-1].Position
		}
		return nil
	}
	w.allOK(together(writers+1, func(i int) error {
		for range each {
			if i == writers {
				if err := follow(); err != nil {
					return err
				}
			} else if err := w.createUser(w.MakeUser(t.ID)); err != nil {
				return err
			}
		}
		return nil
	}))
	w.ok(follow())
	w.equal("the number of users a follower saw", len(seen), writers*each)
}

// userPositionsAreNotUsedAgain has what comes after what was last seen, and is
// gone, come after it all the same.
func userPositionsAreNotUsedAgain(w *World) {
	t := w.MustCreateTenant()
	for range 3 {
		seen := w.MustCreateUser(t.ID)
		w.ok(w.deleteUser(t.ID, seen.ID))
		next := w.MustCreateUser(t.ID)
		got, err := w.Users(w.Ctx, t.ID, core.Page{After: seen.Position, Limit: 5})
		w.ok(err)
		w.equal("what came since", got, []core.UserRecord{next})
		w.ok(w.deleteUser(t.ID, next.ID))
	}
}

func lookAlikeReferencesAreApart(w *World) {
	t, other := w.MustCreateTenant(), w.MustCreateTenant()
	made := map[string]core.UserID{}
	for _, ref := range lookAlikeRefs() {
		_, err := w.UserByRef(w.Ctx, t.ID, ref)
		w.refused(err, core.CodeNotFound)
		n := w.MakeUser(t.ID)
		n.Record.RefKey = ref
		w.ok(w.createUser(n))
		made[ref] = n.Record.ID
	}
	for ref, id := range made {
		got, err := w.UserByRef(w.Ctx, t.ID, ref)
		w.ok(err)
		if got.ID != id || got.RefKey != ref {
			w.T.Fatalf("the reference %q finds the one with %q", ref, got.RefKey)
		}
		_, err = w.UserByRef(w.Ctx, other.ID, ref)
		w.refused(err, core.CodeNotFound)
	}
	for _, ref := range hostile("ref_0") {
		if made[ref] != "" {
			continue
		}
		_, err := w.UserByRef(w.Ctx, t.ID, ref)
		w.refused(err, core.CodeNotFound)
	}
}

func referenceIsTakenWithinItsTenant(w *World) {
	t, other := w.MustCreateTenant(), w.MustCreateTenant()
	first := w.MustCreateUser(t.ID)
	second := w.MakeUser(t.ID)
	second.Record.RefKey = first.RefKey
	w.unchanged(func() { w.taken(w.createUser(second), string(first.ID)) })
	elsewhere := w.MakeUser(other.ID)
	elsewhere.Record.RefKey = first.RefKey
	w.ok(w.createUser(elsewhere))
	w.ok(w.deleteUser(t.ID, first.ID))
	w.ok(w.createUser(second)) // it is free again
}

// taken expects a reference that somebody has, and who.
func (w *World) taken(err error, by string) {
	w.T.Helper()
	w.refused(err, core.CodeExternalRefTaken)
	var e *core.Error
	if errors.As(err, &e) && e.ExistingID != by {
		w.T.Fatalf("the reference is said to be %q's; it is %q's", e.ExistingID, by)
	}
}

func oneOfManyTakesAReference(w *World) {
	t := w.MustCreateTenant()
	errs := together(32, func(int) error {
		n := w.MakeUser(t.ID)
		n.Record.RefKey = "same"
		return w.createUser(n)
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeExternalRefTaken: 31})
	u, err := w.UserByRef(w.Ctx, t.ID, "same")
	w.ok(err)
	for _, err := range errs {
		if err != nil {
			w.taken(err, string(u.ID))
		}
	}
	w.Recount(t.ID)
}

func userWithoutReferenceIsFoundByNone(w *World) {
	t := w.MustCreateTenant()
	for range 3 {
		n := w.MakeUser(t.ID)
		n.Record.RefKey = ""
		w.ok(w.createUser(n))
	}
	_, err := w.UserByRef(w.Ctx, t.ID, "")
	w.refused(err, core.CodeNotFound)
	w.equal("the users", w.mustUsage(t.ID).Users, int64(3))
}

func noUserWithoutAnID(w *World) {
	t, stranger := w.MustCreateTenant(), w.stage()
	w.unchanged(func() {
		for _, id := range hostile(string(w.IDs.User())) {
			n := w.MakeUser(t.ID)
			n.Record.ID = core.UserID(id)
			if n.Record.ID.Valid() {
				continue
			}
			if err := w.createUser(n); err == nil {
				w.T.Fatalf("a user was made with the id %q", cut(id))
			}
		}
	})
	n := w.MakeUser(t.ID)
	n.Record.ID = stranger.user
	before, err := w.User(w.Ctx, stranger.tenant, stranger.user)
	w.ok(err)
	_ = w.createUser(n) // whether it is let in is the store's choice
	after, err := w.User(w.Ctx, stranger.tenant, stranger.user)
	w.ok(err)
	w.equal("another tenant's user", after, before)
	w.Recount(stranger.tenant)
}

func lookAlikeTenantsAreApart(w *World) {
	a := w.MakeTenant()
	b := w.MakeTenant()
	b.Record.ID = lookAlike(a.Record.ID)
	b.Key.Tenant = b.Record.ID
	w.mustCreateTenant(a)
	w.mustCreateTenant(b)
	u := w.MustCreateUser(a.Record.ID)
	n := w.MakeUser(b.Record.ID)
	n.Record.ID, n.Record.RefKey = lookAlike(u.ID), u.RefKey
	w.ok(w.createUser(n))
	_, err := w.User(w.Ctx, b.Record.ID, u.ID)
	w.refused(err, core.CodeNotFound)
	_, err = w.User(w.Ctx, a.Record.ID, n.Record.ID)
	w.refused(err, core.CodeNotFound)
	w.refused(w.deleteUser(a.Record.ID, n.Record.ID), core.CodeNotFound)
	w.mustDeleteTenant(a.Record.ID)
	w.mustPurge(2)
	got, err := w.UserByRef(w.Ctx, b.Record.ID, n.Record.RefKey)
	w.ok(err)
	w.equal("the user of the tenant that stays", got.ID, n.Record.ID)
	w.Recount(b.Record.ID)
}
