package contract

import (
	"context"
	"slices"
	"testing"

	"github.com/raven-memory/raven/core"
)

// factWorld is a world with a user to know something of.
type factWorld struct {
	*World
	tenant core.TenantID
	user   core.UserID
}

// Facts is the contract of ports.Facts.
func Facts(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"FactIsKeptWhole", onFacts(factIsKeptWhole)},
		{"FactIsABlobOfNoConversation", onFacts(factIsABlob)},
		{"FactsComeInPages", onFacts(factsComeInPages)},
		{"FactsAreEachUsersOwn", onFacts(factsAreEachUsersOwn)},
		{"SupersedingIsOneStep", onFacts(supersedingIsOneStep)},
		{"StaleFactStepChangesNothing", onFacts(staleFactStepChangesNothing)},
		{"OneOfManyTakesAKey", onFacts(oneOfManyTakesAKey)},
		{"KeyOfADeletedFactIsFree", onFacts(keyOfADeletedFactIsFree)},
		{"FullOfFactsIsRefused", onFacts(fullOfFactsIsRefused)},
		{"FactsExpire", onFacts(factsExpire)},
		{"ClearingForgetsFacts", onFacts(clearingForgetsFacts)},
		{"DeletedUserLeavesNoFacts", onFacts(deletedUserLeavesNoFacts)},
		{"ForgettingLeavesFactsAlone", onFacts(forgettingLeavesFactsAlone)},
	}, factCalls())
}

func factCalls() []call {
	return []call{
		{
			name: "WriteFacts", takes: ofTenant | ofUser, step: true, events: []core.EventType{core.EventFactCreated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				f := factWorld{World: w, tenant: at.tenant, user: at.user}
				return done(f.WriteFacts(ctx, at.tenant, op, f.adding("", f.makeFact())))
			},
		},
		{name: "Facts", takes: ofTenant | ofUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Facts(ctx, at.tenant, at.user, core.Page{Limit: 10})
		}},
	}
}

func onFacts(hold func(w factWorld)) func(*World) {
	return func(w *World) {
		t := w.MustCreateTenant()
		hold(factWorld{World: w, tenant: t.ID, user: w.MustCreateUser(t.ID).ID})
	}
}

func (f factWorld) makeFact() core.BlobRecord {
	at := f.Now()
	b := core.BlobRecord{
		ID: core.FactBlob(f.IDs.Fact()), User: f.user, Kind: core.BlobSemantic,
		Interactions: []core.InteractionID{f.IDs.Interaction(), f.IDs.Interaction()},
		FirstAt:      at, LastAt: at, FirstTakenAt: at, LastTakenAt: at, KeyVersion: 1, Sealed: f.Bytes(90), Size: 90, Version: 1,
	}
	lend(f.World, b.Interactions)
	return b
}

// adding is a step that adds a fact, which takes the key unless it is "".
func (f factWorld) adding(key string, b core.BlobRecord) core.FactStep {
	step := core.FactStep{
		User: f.user, Added: []core.BlobRecord{b}, Max: 100, At: f.Now(),
		Events: []core.Event{f.MakeEvent(f.tenant, core.EventFactCreated)},
	}
	if key != "" {
		step.Keys = []core.FactKeyMove{{Key: key, Now: b.ID}}
	}
	return step
}

func (f factWorld) write(step core.FactStep) error {
	return f.WriteFacts(f.Ctx, f.tenant, f.Op(), step)
}

func (f factWorld) must(step core.FactStep) {
	f.T.Helper()
	f.ok(f.write(step))
}

// add adds a fact and returns it as it is kept.
func (f factWorld) add(key string) core.BlobRecord {
	f.T.Helper()
	b := f.makeFact()
	f.must(f.adding(key, b))
	return f.mustBlob(f.tenant, f.user, b.ID)
}

func (f factWorld) facts() []core.BlobRecord {
	f.T.Helper()
	list, err := f.Facts(f.Ctx, f.tenant, f.user, core.Page{Limit: 1000})
	f.ok(err)
	return list
}

// again is a fact in its next version.
func (f factWorld) again(b core.BlobRecord) core.FactRewrite {
	was := b.Version
	b.Version++
	b.Interactions = b.Interactions[:1]
	b.Sealed, b.Size = f.Bytes(120), 120
	return core.FactRewrite{New: b, IfVersion: was}
}

func factIsKeptWhole(f factWorld) {
	b := f.makeFact()
	f.must(f.adding("a", b))
	list := f.facts()
	f.equal("the number of facts", len(list), 1)
	b.Position = list[0].Position
	f.equal("the fact", list[0], b)
	f.equal("the fact alone", f.mustBlob(f.tenant, f.user, b.ID), b)
}

func factIsABlob(f factWorld) {
	before := f.mustUsage(f.tenant)
	b := f.add("")
	after := f.mustUsage(f.tenant)
	f.equal("blobs", after.Blobs-before.Blobs, int64(1))
	f.equal("bytes", after.BlobBytes-before.BlobBytes, b.Size)
	f.equal("interactions", after.Interactions, before.Interactions)
	c := f.MustCreateConversation(f.tenant, f.user)
	sealed := f.MustFlush(f.tenant, f.user, f.MustAppend(f.tenant, f.user, c.ID, 2))
	headers, err := f.Blobs(f.Ctx, f.tenant, f.user, core.Page{Limit: 10}, false)
	f.ok(err)
	f.equal("the number of blobs", len(headers), 2)
	f.equal("the first", headers[0].ID, b.ID)
	f.equal("the second", headers[1].ID, sealed.ID)
	f.equal("the facts", len(f.facts()), 1)
	f.refused(f.DeleteBlob(f.Ctx, f.tenant, f.Op(), core.BlobDelete{User: f.user, ID: b.ID, IfVersion: 1, At: f.Now()}), core.CodeNotFound)
}

func factsComeInPages(f factWorld) {
	var want []core.BlobRecord
	for range 7 {
		want = append(want, f.add(""))
	}
	var got []core.BlobRecord
	after := int64(0)
	for range 10 {
		page, err := f.Facts(f.Ctx, f.tenant, f.user, core.Page{After: after, Limit: 2})
		f.ok(err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1].Position
	}
	f.equal("the facts", got, want)
}

func factsAreEachUsersOwn(f factWorld) {
	b := f.add("k")
	other := f
	other.user = f.MustCreateUser(f.tenant).ID
	f.equal("another user's", len(other.facts()), 0)
	other.add("k") // the key is the user's own
	stolen := core.FactStep{User: other.user, Deleted: []core.FactDelete{{ID: b.ID, IfVersion: 1}}, At: f.Now()}
	f.refused(other.write(stolen), core.CodeVersionConflict)
	f.equal("the fact", f.facts(), []core.BlobRecord{b})
}

func supersedingIsOneStep(f factWorld) {
	old := f.add("home")
	version := f.lastVersion()
	young := f.makeFact()
	step := f.adding("", young)
	rewrite := f.again(old)
	step.Rewritten = []core.FactRewrite{rewrite}
	step.Keys = []core.FactKeyMove{{Key: "home", Was: old.ID, Now: young.ID}}
	f.must(step)
	list := f.facts()
	f.equal("the number of facts", len(list), 2)
	want := rewrite.New
	want.Position = old.Position
	f.equal("the old one", list[0], want)
	f.equal("the young one", list[1].ID, young.ID)
	var touched []core.BlobID
	for _, c := range f.mustChanges(f.tenant, f.user, version) {
		f.equal("the kind of change", c.Kind, core.ChangeFact)
		touched = append(touched, c.Blob)
	}
	f.equal("the facts that changed", len(touched), 2)
	if !slices.Contains(touched, old.ID) || !slices.Contains(touched, young.ID) {
		f.T.Errorf("changed are %v", touched)
	}
	f.equal("bytes", f.mustUsage(f.tenant).BlobBytes, want.Size+young.Size)
}

func (f factWorld) lastVersion() int64 {
	f.T.Helper()
	v, err := f.MemoryVersion(f.Ctx, f.tenant, f.user)
	f.ok(err)
	return v
}

func staleFactStepChangesNothing(f factWorld) {
	b := f.add("home")
	stale := f.again(b)
	f.must(core.FactStep{User: f.user, Rewritten: []core.FactRewrite{stale}, At: f.Now()})
	now := f.facts()
	f.unchanged(func() {
		for what, step := range map[string]core.FactStep{
			"a stale rewrite":  {Rewritten: []core.FactRewrite{stale}},
			"a stale deletion": {Deleted: []core.FactDelete{{ID: b.ID, IfVersion: 1}}},
			"a fact not there": {Deleted: []core.FactDelete{{ID: core.FactBlob(f.IDs.Fact()), IfVersion: 1}}},
			"a key that is held": {Keys: []core.FactKeyMove{{Key: "home", Now: b.ID}},
				Deleted: []core.FactDelete{{ID: b.ID, IfVersion: 2}}},
			"a key that nobody holds": {Keys: []core.FactKeyMove{{Key: "work", Was: b.ID}}},
		} {
			step.User, step.At, step.Max = f.user, f.Now(), 100
			step.Added = []core.BlobRecord{f.makeFact()}
			step.Events = []core.Event{f.MakeEvent(f.tenant, core.EventFactCreated)}
			if err := f.write(step); !core.Is(err, core.CodeVersionConflict) {
				f.T.Errorf("%s: %v", what, err)
			}
		}
	})
	f.equal("the facts", f.facts(), now)
}

func oneOfManyTakesAKey(f factWorld) {
	const many = 8
	errs := together(many, func(int) error { return f.write(f.adding("home", f.makeFact())) })
	f.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: many - 1})
	f.equal("the number of facts", len(f.facts()), 1)
}

func keyOfADeletedFactIsFree(f factWorld) {
	b := f.add("home")
	version := f.lastVersion()
	f.must(core.FactStep{User: f.user, Deleted: []core.FactDelete{{ID: b.ID, IfVersion: 1}}, At: f.Now()})
	f.equal("the change", f.mustChanges(f.tenant, f.user, version), []core.Change{{Version: version + 1, Kind: core.ChangeFact, Blob: b.ID}})
	f.equal("what is used", f.mustUsage(f.tenant), core.Usage{Users: 1})
	b = f.add("home")
	next := f.makeFact()
	step := f.adding("", next) // one goes and another takes its key
	step.Deleted = []core.FactDelete{{ID: b.ID, IfVersion: 1}}
	step.Keys = []core.FactKeyMove{{Key: "home", Was: b.ID, Now: next.ID}}
	f.must(step)
	f.must(core.FactStep{User: f.user, Keys: []core.FactKeyMove{{Key: "home", Was: next.ID}}, At: f.Now()}) // given up
	f.add("home")
}

func fullOfFactsIsRefused(f factWorld) {
	f.add("")
	f.add("")
	step := f.adding("", f.makeFact())
	step.Max = 2
	f.unchanged(func() {
		f.exhausted(f.write(step), core.QuotaUse{Name: "max_facts", Limit: 2, Used: 2})
	})
	step.Deleted = []core.FactDelete{{ID: f.facts()[0].ID, IfVersion: 1}}
	f.must(step)
}

func factsExpire(f factWorld) {
	b := f.add("")
	places, err := f.Expired(f.Ctx, f.tenant, f.Now(), 10)
	f.ok(err)
	f.equal("what expired", places, []core.ExpiredPlace{{User: f.user, Blob: b.ID}})
	r := f.again(b)
	r.New.FirstTakenAt = f.Now().AddDate(0, 0, 1)
	r.New.LastTakenAt = r.New.FirstTakenAt
	f.must(core.FactStep{User: f.user, Rewritten: []core.FactRewrite{r}, At: f.Now()})
	places, err = f.Expired(f.Ctx, f.tenant, f.Now(), 10)
	f.ok(err)
	f.equal("what expired of a fact with a later source", len(places), 0)
}

func clearingForgetsFacts(f factWorld) {
	f.add("home")
	f.ok(f.ClearMemory(f.Ctx, f.tenant, f.Op(), f.user, f.MakeEvent(f.tenant, core.EventMemoryDeleted)))
	f.equal("the facts", len(f.facts()), 0)
	f.equal("what is used", f.mustUsage(f.tenant), core.Usage{Users: 1})
	f.add("home")
}

func deletedUserLeavesNoFacts(f factWorld) {
	f.add("home")
	f.ok(f.DeleteUser(f.Ctx, f.tenant, f.Op(), f.user, f.MakeEvent(f.tenant, core.EventUserDeleted)))
	_, err := f.Facts(f.Ctx, f.tenant, f.user, core.Page{Limit: 1})
	f.refused(err, core.CodeNotFound)
	f.equal("what is used", f.mustUsage(f.tenant), core.Usage{})
	f.refused(f.write(f.adding("", f.makeFact())), core.CodeNotFound)
}

func forgettingLeavesFactsAlone(f factWorld) {
	b := f.add("home")
	c := f.MustCreateConversation(f.tenant, f.user)
	f.MustFlush(f.tenant, f.user, f.MustAppend(f.tenant, f.user, c.ID, 2))
	f.MustAppend(f.tenant, f.user, c.ID, 1)
	f.ok(f.DeleteConversation(f.Ctx, f.tenant, f.Op(), f.user, c.ID, f.MakeEvent(f.tenant, core.EventMemoryDeleted)))
	f.equal("the facts", f.facts(), []core.BlobRecord{b})
	f.equal("blobs", f.mustUsage(f.tenant).Blobs, int64(1))
}
