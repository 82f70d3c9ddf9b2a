package contract

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Reseal is the contract of ports.KeyRotation's Reseal.
func Reseal(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"ResealChangesNothingElse", resealChangesNothingElse},
		{"ResealedSizeIsCounted", resealedSizeIsCounted},
		{"ResealPassesOverWhatChanged", resealPassesOverWhatChanged},
		{"ResealPassesOverWhatIsGone", resealPassesOverWhatIsGone},
		{"ResealLeavesOthersAlone", resealLeavesOthersAlone},
		{"ResealRacesOtherSteps", resealRacesOtherSteps},
		{"ResealOfManyIsOfEach", resealOfManyIsOfEach},
		{"FactsAreResealed", onFacts(factsAreResealed)},
		{"NamesAreResealed", namesAreResealed},
		{"ResealPassesOverOthersNames", resealPassesOverOthersNames},
	}, nil) // the call is among those of Rotation
}

// envelope is a sealed thing of so many bytes in it, under that key.
func (w *World) envelope(place core.Place, version uint32, size int) []byte {
	w.T.Helper()
	sealed, err := core.SealEnvelope(rand.Reader, make([]byte, core.EnvelopeKeySize), version, "deployment", place, w.Bytes(size))
	w.ok(err)
	lend(w, sealed)
	return sealed
}

// resealed is a record with what takes its place, of another size.
func (w *World) resealed(place core.Place, was []byte, version uint32) core.Resealed {
	w.T.Helper()
	r := core.Resealed{Place: place, Was: bytes.Clone(was), Now: w.envelope(place, version, 30)}
	lend(w, r.Was)
	return r
}

func (w *World) resealBlob(at stage, version uint32) core.Resealed {
	w.T.Helper()
	b := at.blob
	b.User, b.Conversation = at.user, at.conversation
	return w.resealed(core.BlobPlace(at.tenant, b), at.blob.Sealed, version)
}

func (w *World) resealUser(at stage, version uint32) core.Resealed {
	w.T.Helper()
	u, err := w.User(w.Ctx, at.tenant, at.user)
	w.ok(err)
	return w.resealed(core.UserPlace(at.tenant, u.ID, u.Version), u.Sealed, version)
}

func (w *World) resealConversation(at stage, version uint32) core.Resealed {
	w.T.Helper()
	c := w.mustConversation(at.tenant, at.user, at.conversation)
	return w.resealed(core.ConversationPlace(at.tenant, c.User, c.ID, c.Version), c.Sealed, version)
}

// resealAll is one of each kind that a tenant's data key seals.
func (w *World) resealAll(at stage, version uint32) []core.Resealed {
	w.T.Helper()
	list := []core.Resealed{w.resealUser(at, version), w.resealConversation(at, version), w.resealBlob(at, version)}
	lend(w, list)
	return list
}

func (w *World) mustReseal(tenant core.TenantID, want int, list ...core.Resealed) {
	w.T.Helper()
	done, err := w.Reseal(w.Ctx, tenant, list)
	w.ok(err)
	w.equal("how many were resealed", done, want)
}

func resealChangesNothingElse(w *World) {
	s := w.stage()
	other := w.cast(s) // another user of the tenant's
	user, err := w.User(w.Ctx, s.tenant, s.user)
	w.ok(err)
	talk, blob := w.mustConversation(s.tenant, s.user, s.conversation), w.mustBlob(s.tenant, s.user, s.blob.ID)
	events, changes := w.mustEvents(s.tenant, 0), w.mustChanges(s.tenant, s.user, 0)
	list := w.resealAll(s, 9)
	given := dump(list)
	w.mustReseal(s.tenant, 3, list...)
	w.equal("what was handed in, after the call,", dump(list), given)
	user.Sealed, talk.Sealed, blob.Sealed = list[0].Now, list[1].Now, list[2].Now
	blob.KeyVersion, blob.Size = 9, int64(len(blob.Sealed))
	got, err := w.User(w.Ctx, s.tenant, s.user)
	w.ok(err)
	w.equal("the user", got, user)
	w.equal("the conversation", w.mustConversation(s.tenant, s.user, s.conversation), talk)
	w.equal("the blob", w.mustBlob(s.tenant, s.user, s.blob.ID), blob)
	headers, err := w.Blobs(w.Ctx, s.tenant, s.user, all, false)
	w.ok(err)
	blob.Sealed = nil
	w.equal("the blob's header", headers, []core.BlobRecord{blob})
	w.equal("the events", w.mustEvents(s.tenant, 0), events)
	w.equal("the changes", w.mustChanges(s.tenant, s.user, 0), changes)
	w.equal("another user's blob", w.mustBlob(s.tenant, other.user, other.blob.ID), other.blob)
	w.Recount(s.tenant)
	_, err = w.UpdateUser(w.Ctx, s.tenant, w.Op(), w.makeUserUpdate(s.tenant, s.user, user.Version)) // as of before
	w.ok(err)
	w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, blob, 0)))
	w.Recount(s.tenant)
}

func resealedSizeIsCounted(w *World) {
	s := w.stage()
	before := w.mustUsage(s.tenant)
	was := s.blob.Sealed
	for _, size := range []int{10, 1000, 10, 0} {
		r := w.resealBlob(s, 2)
		r.Was, r.Now = was, w.envelope(r.Place, 2, size)
		w.mustReseal(s.tenant, 1, r)
		was = r.Now
		want := before
		want.BlobBytes = int64(len(r.Now))
		w.equal("the usage", w.mustUsage(s.tenant), want)
		w.Recount(s.tenant)
	}
	b := w.mustBlob(s.tenant, s.user, s.blob.ID)
	w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, b.Version)))
	w.equal("the bytes of no blob", w.mustUsage(s.tenant).BlobBytes, int64(0))
	w.Recount(s.tenant)
	for _, goes := range []func(at stage) error{w.deleteConversation, func(at stage) error { return w.deleteUser(at.tenant, at.user) }} {
		at := w.cast(s)
		w.mustReseal(s.tenant, 1, w.resealBlob(at, 2))
		w.ok(goes(at))
		w.equal("the bytes of no blob", w.mustUsage(s.tenant).BlobBytes, int64(0))
	}
}

func resealPassesOverWhatChanged(w *World) {
	s := w.stage()
	w.unchanged(func() {
		for i := range w.resealAll(s, 2) {
			for what, spoilt := range map[string]func(r *core.Resealed){
				"one bit":     func(r *core.Resealed) { r.Was[len(r.Was)-1] ^= 1 },
				"the head":    func(r *core.Resealed) { r.Was = r.Was[:len(r.Was)-1] },
				"more":        func(r *core.Resealed) { r.Was = append(r.Was, 0) },
				"nothing":     func(r *core.Resealed) { r.Was = nil },
				"its own new": func(r *core.Resealed) { r.Was = r.Now },
				"a kind":      func(r *core.Resealed) { r.Place.Kind = "kind" },
				"no kind":     func(r *core.Resealed) { r.Place.Kind = "" },
				"buffered":    func(r *core.Resealed) { r.Place.Kind = core.KindInteraction },
			} {
				r := w.resealAll(s, 2)[i]
				spoilt(&r)
				if done, err := w.Reseal(w.Ctx, s.tenant, []core.Resealed{r}); done != 0 || err != nil {
					w.T.Fatalf("with another %s, of %s: %d, %v", what, r.Place.Kind, done, err)
				}
			}
		}
		r := w.resealBlob(s, 2)
		r.Now = w.Bytes(200) // no envelope: nobody could tell its key
		w.mustReseal(s.tenant, 0, r)
		w.mustReseal(s.tenant, 0)
	})
	list := w.resealAll(s, 2)
	list[1].Was[0] ^= 1
	w.mustReseal(s.tenant, 2, append(list, list...)...) // the second time they are not what they were
	w.equal("the blob's key version", w.mustBlob(s.tenant, s.user, s.blob.ID).KeyVersion, uint32(2))
}

func resealPassesOverWhatIsGone(w *World) {
	s := w.stage()
	for _, gone := range []struct {
		what string
		goes func(at stage) error
		left int // of user, conversation and blob
	}{
		{"blob", func(at stage) error { return w.DeleteBlob(w.Ctx, at.tenant, w.Op(), w.makeBlobDelete(at, 1)) }, 2},
		{"memory", func(at stage) error {
			return w.ClearMemory(w.Ctx, at.tenant, w.Op(), at.user, w.MakeEvent(at.tenant, core.EventMemoryDeleted))
		}, 2},
		{"conversation", w.deleteConversation, 1},
		{"user", func(at stage) error { return w.deleteUser(at.tenant, at.user) }, 0},
	} {
		at := w.cast(s)
		list := w.resealAll(at, 2)
		w.ok(gone.goes(at))
		if done, err := w.Reseal(w.Ctx, at.tenant, list); done != gone.left || err != nil {
			w.T.Fatalf("without its %s: %d, %v; want %d", gone.what, done, err, gone.left)
		}
		w.Recount(s.tenant)
	}
	list := w.resealAll(s, 2)
	w.mustDeleteTenant(s.tenant)
	w.unchanged(func() {
		_, err := w.Reseal(w.Ctx, s.tenant, list)
		w.refused(err, core.CodeNotFound)
		_, err = w.Reseal(w.Ctx, s.tenant, nil)
		w.refused(err, core.CodeNotFound)
	})
}

// resealLeavesOthersAlone gives places of others, and such as lead out of
// where they belong.
func resealLeavesOthersAlone(w *World) {
	s, stranger := w.stage(), w.stage()
	sibling := w.cast(s)
	w.unchanged(func() {
		for _, at := range []stage{s, sibling} {
			w.mustReseal(stranger.tenant, 0, w.resealAll(at, 2)...)
			w.mustReseal(core.DeploymentTenant, 0, w.resealAll(at, 2)...)
		}
		for i := range w.resealAll(s, 2) {
			for _, other := range append(hostile(string(s.user)), string(sibling.user), string(stranger.user)) {
				r := w.resealAll(s, 2)[i]
				r.Place.User = core.UserID(other)
				if r.Place.Kind == core.KindUser {
					r.Place.Record = other
				}
				w.mustReseal(s.tenant, 0, r)
			}
			for _, other := range hostile(string(s.conversation)) {
				r := w.resealAll(s, 2)[i]
				r.Place.Record = other
				w.mustReseal(s.tenant, 0, r)
				r.Place.Record = other + "/" + string(s.blob.ID)
				w.mustReseal(s.tenant, 0, r)
			}
		}
		for _, other := range append(hostile(string(s.blob.ID)), string(sibling.blob.ID)) {
			r := w.resealBlob(s, 2)
			r.Place.Record = string(s.conversation) + "/" + other
			w.mustReseal(s.tenant, 0, r)
		}
	})
}

// resealRacesOtherSteps has records resealed while they are changed: what the
// steps say is what is there at the end.
func resealRacesOtherSteps(w *World) {
	s := w.stage()
	for range 8 {
		at := w.cast(s)
		list := w.resealAll(at, 2)
		user, rewrite := w.makeUserUpdate(at.tenant, at.user, 1), w.MakeRewrite(at.tenant, at.blob, 1)
		w.allOK(together(4, func(i int) error {
			switch i {
			case 0:
				_, err := w.UpdateUser(w.Ctx, at.tenant, w.Op(), user)
				return err
			case 1:
				return w.RewriteBlob(w.Ctx, at.tenant, w.Op(), rewrite)
			default:
				_, err := w.Reseal(w.Ctx, at.tenant, list)
				return err
			}
		}))
		got, err := w.User(w.Ctx, at.tenant, at.user)
		w.ok(err)
		w.equal("the user's sealed part", got.Sealed, user.Sealed)
		w.equal("the user's version", got.Version, int64(2))
		blob := w.mustBlob(at.tenant, at.user, at.blob.ID)
		w.equal("the blob's sealed part", blob.Sealed, rewrite.New.Sealed)
		w.equal("the blob's key version", blob.KeyVersion, rewrite.New.KeyVersion)
		w.equal("the blob's version", blob.Version, int64(2))
		w.equal("the conversation's sealed part", w.mustConversation(at.tenant, at.user, at.conversation).Sealed, list[1].Now)
	}
	w.Recount(s.tenant)
}

// resealOfManyIsOfEach gives many at once, some large, some that are gone.
func resealOfManyIsOfEach(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxConversationsPerUser = 200 })
	u := w.MustCreateUser(t.ID)
	var list []core.Resealed
	want := 0
	for i := range 130 {
		c := w.MustCreateConversation(t.ID, u.ID)
		r := w.resealed(core.ConversationPlace(t.ID, u.ID, c.ID, 1), c.Sealed, 2)
		if i%10 == 0 {
			r.Now = w.envelope(r.Place, 2, 300_000)
		}
		if i%3 == 0 {
			r.Was[0] ^= 1
		} else {
			want++
		}
		list = append(list, r)
	}
	w.mustReseal(t.ID, want, list...)
	for i, r := range list {
		got := w.mustConversation(t.ID, u.ID, core.ConversationID(r.Place.Record))
		if bytes.Equal(got.Sealed, r.Now) != (i%3 != 0) {
			w.T.Fatalf("record %d of many is not what it should be", i)
		}
	}
}

// factsAreResealed reseals blobs that are of no conversation, and of no other.
func factsAreResealed(f factWorld) {
	talk := f.MustCreateConversation(f.tenant, f.user)
	b, other := f.add("key"), f.add("")
	r := f.resealed(core.BlobPlace(f.tenant, b), b.Sealed, 4)
	f.unchanged(func() {
		lost := r
		lost.Place.Record = string(talk.ID) + "/" + string(b.ID)
		f.mustReseal(f.tenant, 0, lost)
		lost.Place.Record = lookAlike(string(talk.ID)) + "/" + string(b.ID)
		f.mustReseal(f.tenant, 0, lost)
		lost.Place.Record = string(b.ID)
		f.mustReseal(f.tenant, 0, lost)
	})
	f.mustReseal(f.tenant, 1, r)
	b.Sealed, b.KeyVersion, b.Size = r.Now, 4, int64(len(r.Now))
	f.equal("the facts", f.facts(), []core.BlobRecord{b, other})
	f.equal("the bytes", f.mustUsage(f.tenant).BlobBytes, b.Size+other.Size)
	rewrite := f.again(b) // as of before
	f.must(core.FactStep{User: f.user, Rewritten: []core.FactRewrite{rewrite}, Max: 100, At: f.Now()})
	f.equal("the bytes", f.mustUsage(f.tenant).BlobBytes, rewrite.New.Size+other.Size)
	f.ok(f.ClearMemory(f.Ctx, f.tenant, f.Op(), f.user, f.MakeEvent(f.tenant, core.EventMemoryDeleted)))
	f.equal("the bytes of nothing", f.mustUsage(f.tenant).BlobBytes, int64(0))
}

// resealNames is the tenant's profile and the names of its two API keys.
func (w *World) resealNames(tenant core.TenantID, version uint32) []core.Resealed {
	w.T.Helper()
	t, err := w.Tenant(w.Ctx, tenant)
	w.ok(err)
	list := []core.Resealed{w.resealed(core.TenantPlace(tenant, t.Version), t.Profile, version)}
	keys, err := w.APIKeys(w.Ctx, tenant, all)
	w.ok(err)
	for _, k := range keys {
		list = append(list, w.resealed(core.KeyPlace(tenant, k.ID), k.Sealed, version))
	}
	return list
}

func namesAreResealed(w *World) {
	a, b, other := w.stage(), w.stage(), w.stage()
	w.ok(w.RevokeAPIKey(w.Ctx, a.tenant, w.Op(), a.key.ID, w.MakeEvent(a.tenant, core.EventKeyRevoked)))
	w.ok(w.TouchAPIKeys(w.Ctx, []core.KeyUse{{Tenant: b.tenant, Key: b.key.ID, At: w.Now()}}))
	for _, by := range []core.TenantID{core.DeploymentTenant, a.tenant} {
		tenants := []core.TenantID{a.tenant, b.tenant}
		if by == a.tenant { // of the tenant's own only
			tenants = tenants[:1]
		}
		var list []core.Resealed
		var want []any
		for _, id := range tenants {
			of := w.resealNames(id, 3)
			t, err := w.Tenant(w.Ctx, id)
			w.ok(err)
			keys, err := w.APIKeys(w.Ctx, id, all)
			w.ok(err)
			t.Profile, keys[0].Sealed, keys[1].Sealed = of[0].Now, of[1].Now, of[2].Now
			want, list = append(want, t, keys), append(list, of...)
		}
		events := len(w.mustEvents(a.tenant, 0))
		w.mustReseal(by, len(list), list...)
		for i, id := range tenants {
			t, err := w.Tenant(w.Ctx, id)
			w.ok(err)
			keys, err := w.APIKeys(w.Ctx, id, all)
			w.ok(err)
			w.equal("tenant and keys", []any{t, keys}, want[2*i:2*i+2])
			_, found, err := w.FindAPIKey(w.Ctx, keys[1].Hash)
			w.ok(err)
			w.equal("the tenant, found with its key,", found, t)
		}
		w.equal("the number of events", len(w.mustEvents(a.tenant, 0)), events)
	}
	t, err := w.Tenant(w.Ctx, other.tenant)
	w.ok(err)
	w.equal("another tenant's profile", t.Profile, other.profile)
	w.ok(w.RevokeAPIKey(w.Ctx, b.tenant, w.Op(), b.key.ID, w.MakeEvent(b.tenant, core.EventKeyRevoked)))
}

func resealPassesOverOthersNames(w *World) {
	s, stranger, gone := w.stage(), w.stage(), w.stage()
	names := w.resealNames(gone.tenant, 3)
	w.mustDeleteTenant(gone.tenant)
	w.unchanged(func() {
		w.mustReseal(stranger.tenant, 0, w.resealNames(s.tenant, 3)...)
		w.mustReseal(core.DeploymentTenant, 0, names...)
		w.mustReseal(core.DeploymentTenant, 0)
		for i := range w.resealNames(s.tenant, 3) {
			for _, other := range append(hostile(string(s.tenant)), string(stranger.tenant)) {
				r := w.resealNames(s.tenant, 3)[i]
				r.Place.Record = other
				w.mustReseal(core.DeploymentTenant, 0, r)
				r.Place.Record = other + "/" + string(s.key.ID)
				w.mustReseal(core.DeploymentTenant, 0, r)
			}
			for _, other := range hostile(string(s.key.ID)) {
				r := w.resealNames(s.tenant, 3)[i]
				r.Place.Record = string(s.tenant) + "/" + other
				w.mustReseal(core.DeploymentTenant, 0, r)
			}
			r := w.resealNames(s.tenant, 3)[i]
			r.Was[0] ^= 1
			w.mustReseal(core.DeploymentTenant, 0, r)
		}
	})
	mixed := append(w.resealNames(s.tenant, 3), names...)
	w.mustReseal(core.DeploymentTenant, 3, mixed...)
}
