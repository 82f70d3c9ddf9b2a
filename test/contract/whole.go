package contract

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Whole holds what no single port shows: that a store agrees with a small
// model over random operations, that its counters and numbers are right after
// many callers at once, and that what was acknowledged outlives the process.
func Whole(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"CountersAreRightAfterAStorm", countersAreRightAfterAStorm},
		{"TenantsDoNotFeelEachOther", tenantsDoNotFeelEachOther},
		{"IDsInUseAreRefused", idsInUseAreRefused},
		{"IDsOfWhatIsGoneServeAgain", idsOfWhatIsGoneServeAgain},
	}, nil)
	t.Run("AgreesWithTheModel", func(t *testing.T) {
		t.Parallel()
		agreesWithTheModel(t, NewWorld(t, b.Open(t)))
	})
	t.Run("AcknowledgedIsDurable", func(t *testing.T) {
		t.Parallel()
		b.acknowledgedIsDurable(t)
	})
}

func (b Backend) acknowledgedIsDurable(t *testing.T) {
	if b.Reopen == nil {
		t.Skip("this backend cannot be reopened from a test")
	}
	w := NewWorld(t, b.Open(t))
	s, gone := w.stage(), w.stage()
	op := w.Op()
	made, err := w.CreateUser(w.Ctx, s.tenant, op, w.MakeUser(s.tenant))
	w.ok(err)
	completed := w.makeClaim()
	w.meets(s.tenant, completed, claimed)
	w.ok(w.Complete(w.Ctx, s.tenant, completed.Key, completed.OpID, []byte("answer")))
	w.mustDeleteTenant(gone.tenant)
	before := w.Everything()
	w.Store = b.Reopen(t, w.Store)
	w.same("what is stored, over the end of the process,", before)
	again, err := w.CreateUser(w.Ctx, s.tenant, op, w.MakeUser(s.tenant))
	w.ok(err)
	w.equal("the second outcome of one operation", again, made)
	w.equal("the response", w.meets(s.tenant, w.again(completed, 0), replay).Response, []byte("answer"))
	// A store that knows that its process is gone need not wait for the lease.
	state, err := w.Begin(w.Ctx, s.tenant, w.again(s.claim, 0))
	w.ok(err)
	if state.Outcome == running {
		state = w.meets(s.tenant, w.again(s.claim, lease+time.Second), claimed)
	}
	w.equal("the claim of a process that is gone", state, core.IdempotencyState{Outcome: claimed, OpID: s.claim.OpID})
	w.mustPurge(3)
	w.ok(w.append(s, 1))
	w.Recount(s.tenant)
}

// countersAreRightAfterAStorm lets many callers do random steps to the same few
// users of two tenants, then lists and counts.
func countersAreRightAfterAStorm(w *World) {
	a, b := w.stage(), w.stage()
	for _, s := range []stage{a, b} {
		w.mustSet(s.tenant, func(s *core.Settings) { s.MaxUsers, s.MaxConversationsPerUser = 5, 4 })
	}
	places := []stage{a, w.cast(a), b, w.cast(b), w.freshConversation(a), w.freshConversation(b)}
	seed := rand.Uint64()
	w.T.Logf("seed %d", seed)
	w.allOK(together(10, func(i int) error {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		for range 30 {
			at := places[r.IntN(len(places))]
			if err := w.anyStep(r, at); err != nil {
				return err
			}
		}
		return nil
	}))
	w.Recount(a.tenant)
	w.Recount(b.tenant)
}

// anyStep does one random step, which may be refused for what others did.
func (w *World) anyStep(r *rand.Rand, at stage) (err error) {
	switch r.IntN(16) {
	case 0, 1, 2, 3, 4, 5:
		err = w.append(at, 1+r.IntN(4))
	case 6, 7, 8:
		_, err = w.flushSome(at, 1+r.IntN(5))
	case 9:
		err = w.createUser(w.MakeUser(at.tenant))
	case 10:
		err = w.createConversation(w.MakeConversation(at.tenant, at.user))
	case 11:
		err = w.anyDeletion(r, at)
	case 12:
		_, err = w.UpdateUser(w.Ctx, at.tenant, w.Op(), w.makeUserUpdate(at.tenant, at.user, 1))
	case 13:
		err = w.onSomeBlob(r, at, func(b core.BlobRecord) error {
			return w.RewriteBlob(w.Ctx, at.tenant, w.Op(), w.MakeRewrite(at.tenant, b, r.IntN(len(b.Numbers))))
		})
	case 14:
		err = w.onSomeBlob(r, at, func(b core.BlobRecord) error {
			at.blob = b
			return w.DeleteBlob(w.Ctx, at.tenant, w.Op(), w.makeBlobDelete(at, b.Version))
		})
	default:
		entries, readErr := w.Buffered(w.Ctx, at.tenant, at.user, at.conversation, 4)
		err = readErr
		if err == nil && len(entries) > 0 {
			_, err = w.DeleteBuffered(w.Ctx, at.tenant, w.Op(), w.makeBufferDelete(at, entries[len(entries)-1].ID))
		}
	}
	switch core.CodeOf(err) {
	case "", core.CodeNotFound, core.CodeVersionConflict, core.CodeQuotaExhausted, core.CodeConversationClosed:
		return nil
	default:
		return err
	}
}

func (w *World) anyDeletion(r *rand.Rand, at stage) error {
	switch r.IntN(8) {
	case 0:
		return w.deleteUser(at.tenant, at.user)
	case 1:
		return w.deleteConversation(at)
	case 2:
		return w.ClearMemory(w.Ctx, at.tenant, w.Op(), at.user, w.MakeEvent(at.tenant, core.EventMemoryDeleted))
	default: // one of those that others made
		users, err := w.Users(w.Ctx, at.tenant, all)
		if err != nil || len(users) < 4 {
			return err
		}
		return w.deleteUser(at.tenant, users[len(users)-1].ID)
	}
}

// onSomeBlob does something to one of the user's blobs that holds two or more.
func (w *World) onSomeBlob(r *rand.Rand, at stage, do func(core.BlobRecord) error) error {
	blobs, err := w.Blobs(w.Ctx, at.tenant, at.user, all, false)
	if err != nil || len(blobs) == 0 {
		return err
	}
	if b := blobs[r.IntN(len(blobs))]; len(b.Numbers) > 1 {
		return do(b)
	}
	return nil
}

// tenantsDoNotFeelEachOther has what one tenant can see told while another one
// does everything there is to do, with ids made to look alike.
func tenantsDoNotFeelEachOther(w *World) {
	quiet, busy := w.stage(), w.stage()
	tell := func() string {
		record, err := w.Tenant(w.Ctx, quiet.tenant)
		w.ok(err)
		events := w.mustEvents(quiet.tenant, 0)
		users, err := w.Users(w.Ctx, quiet.tenant, all)
		w.ok(err)
		return dump([]any{
			record, events, users, w.mustUsage(quiet.tenant), w.mustBlob(quiet.tenant, quiet.user, quiet.blob.ID),
			w.mustBuffered(quiet), w.mustChanges(quiet.tenant, quiet.user, 0),
		})
	}
	before := tell()
	for _, c := range everyCall() {
		if c.takes&ofTenant == 0 || c.name == "DeleteTenant" {
			continue
		}
		for _, in := range []slot{ofKey, ofUser, ofConversation, ofBlob, ofDelivery} {
			_, _ = c.run(w.Ctx, w, busy.with(in, quiet.id(in)), w.Op())
		}
		_, _ = c.run(w.Ctx, w, busy, w.Op())
		if after := tell(); after != before {
			w.T.Fatalf("%s of another tenant was felt:%s", c.name, difference(after, before))
		}
	}
	w.Recount(busy.tenant)
	w.mustDeleteTenant(busy.tenant)
	w.mustPurge(2)
	w.equal("what a tenant sees", tell(), before)
	w.Recount(quiet.tenant)
}
