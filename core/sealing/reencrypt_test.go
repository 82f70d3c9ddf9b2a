package sealing_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

const cacheLife, stepTime = time.Minute, 10 * time.Second

// filled is a world whose tenants have something stored.
type filled struct {
	*world
	records *records
	own     *wrapper // the provider of tenants' own keys
	leases  *leases
	node    *node
}

// node is one server: a service and what re-encrypts.
type node struct {
	*sealing.Service
	reencrypt *sealing.Reencryptor
	forgotten []core.TenantID
	reports   []string
}

func (n *node) Forget(tenant core.TenantID) { n.forgotten = append(n.forgotten, tenant) }

func newFilled(t *testing.T) *filled {
	t.Helper()
	w := &filled{
		world: &world{wrapper: &wrapper{name: "test", word: "one"}, store: newStore(), clock: &clock{}},
		own:   &wrapper{name: "own", word: "two"}, leases: &leases{held: map[string]lease{}},
	}
	w.records = newRecords(w.store)
	w.node = w.start(t, "a")
	w.service = w.node.Service
	for _, tenant := range []core.TenantID{ada, bob} {
		keys, err := w.service.NewTenantKeys(t.Context(), tenant, core.EncryptionPlatform)
		if err != nil {
			t.Fatal(err)
		}
		w.set(tenant, keys)
		w.fill(t, tenant)
	}
	return w
}

// start starts a server on the world's store.
func (w *filled) start(t *testing.T, name string) *node {
	t.Helper()
	n := &node{}
	n.Service = sealing.New(sealing.Deps{
		Providers: sealing.Providers{Platform: w.wrapper, Tenant: w.own},
		Keys:      w.store, Clock: w.clock, Random: rand.Reader,
		Rotation: w.records, Tenants: w.records, IDs: core.NewIDs(w.Now, rand.Reader), Events: w.records,
		Leases: w.leases, Node: name,
		Report: func(_ context.Context, doing string, err error) {
			n.reports = append(n.reports, doing+": "+err.Error())
		},
	}, sealing.Options{CacheTTL: cacheLife})
	n.Memory = n
	if err := n.Start(t.Context(), func() string { return "dep_1" }, nil); err != nil {
		t.Fatal(err)
	}
	n.reencrypt = sealing.NewReencryptor(n.Service, w.records, flusher{w, n}, stepTime)
	return n
}

// flusher turns what is buffered into a blob.
type flusher struct {
	w *filled
	n *node
}

func (f flusher) FlushBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) error {
	if err := f.w.records.doing("flush"); err != nil {
		return err
	}
	list, _ := f.w.records.UserBuffer(ctx, tenant, user, core.Page{Limit: 1000})
	for i, e := range list {
		text, err := f.n.Open(ctx, core.InteractionPlace(tenant, user, conversation, e.ID), e.Sealed)
		if err != nil {
			return err
		}
		b := core.BlobRecord{ID: core.BlobID("blob_" + e.ID), User: user, Conversation: conversation, Version: 1, Position: int64(1000 + i)}
		if b.Sealed, err = f.n.Seal(ctx, core.BlobPlace(tenant, b), text); err != nil {
			return err
		}
		b.KeyVersion, _ = core.EnvelopeKeyVersion(b.Sealed)
		f.w.records.mu.Lock()
		f.w.records.blobs[tenant] = append(f.w.records.blobs[tenant], b)
		f.w.records.buffer[tenant] = slices.DeleteFunc(f.w.records.buffer[tenant], func(o core.BufferEntry) bool { return o.ID == e.ID })
		f.w.records.mu.Unlock()
	}
	return nil
}

// fill gives a tenant a few hundred records, each with its own name in it.
func (w *filled) fill(t *testing.T, tenant core.TenantID) {
	t.Helper()
	r := w.records
	for i := range 130 {
		u := core.UserRecord{ID: core.UserID(fmt.Sprint("usr_", i)), Version: 2, Position: int64(i + 1)}
		u.Sealed = seal(t, w.service, core.UserPlace(tenant, u.ID, u.Version), string(u.ID))
		r.users[tenant] = append(r.users[tenant], u)
		if i > 0 {
			continue
		}
		c := core.ConversationRecord{ID: "cnv_1", User: u.ID, Version: 1, Position: 1}
		c.Sealed = seal(t, w.service, core.ConversationPlace(tenant, u.ID, c.ID, 1), "cnv_1")
		r.conv[tenant] = append(r.conv[tenant], c)
		for k := range 3 {
			e := core.BufferEntry{ID: core.InteractionID(fmt.Sprint("int_", k)), Conversation: c.ID, Position: int64(k + 1)}
			e.Sealed = seal(t, w.service, core.InteractionPlace(tenant, u.ID, c.ID, e.ID), string(e.ID))
			r.buffer[tenant] = append(r.buffer[tenant], e)
			b := core.BlobRecord{
				ID: core.BlobID(fmt.Sprint("blob_", k)), User: u.ID, Conversation: c.ID, Version: 1, Position: int64(k + 1), KeyVersion: 1,
				Kind: []core.BlobKind{core.BlobEpisodic, core.BlobSemantic}[k%2],
			}
			b.Sealed = seal(t, w.service, core.BlobPlace(tenant, b), string(b.ID))
			r.blobs[tenant] = append(r.blobs[tenant], b)
			d := core.DerivedRecord{
				ID: core.DerivedID(fmt.Sprint("der_", k)), User: u.ID, Kind: core.DerivedKinds()[k%2], Version: 7, KeyVersion: 1, Position: int64(k + 1),
			}
			d.Sealed = seal(t, w.service, core.DerivedPlace(tenant, d), string(d.ID))
			r.derived[tenant] = append(r.derived[tenant], d)
		}
	}
	r.tenants[tenant] = core.TenantRecord{ID: tenant, Version: 1, Profile: seal(t, w.service, core.TenantPlace(tenant, 1), string(tenant))}
	key := core.KeyRecord{Sealed: seal(t, w.service, core.KeyPlace(tenant, "key_1"), "key_1"), Position: 1}
	key.ID = "key_1"
	r.apiKeys[tenant] = []core.KeyRecord{key}
}

// readable opens everything of the tenant on a server, by its name, and gives
// the lowest key version that anything but the deployment's is under.
func (w *filled) readable(t *testing.T, s *sealing.Service, tenant core.TenantID) (lowest uint32) {
	t.Helper()
	lowest = 1 << 31
	check := func(place core.Place, sealed []byte, name string) {
		t.Helper()
		mustOpen(t, s, place, sealed, name)
		if v, _ := core.EnvelopeKeyVersion(sealed); place.Tenant == tenant {
			lowest = min(lowest, v)
		}
	}
	r := w.records
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.users[tenant] {
		check(core.UserPlace(tenant, u.ID, u.Version), u.Sealed, string(u.ID))
	}
	for _, c := range r.conv[tenant] {
		check(core.ConversationPlace(tenant, c.User, c.ID, c.Version), c.Sealed, string(c.ID))
	}
	for _, e := range r.buffer[tenant] {
		check(core.InteractionPlace(tenant, "usr_0", e.Conversation, e.ID), e.Sealed, string(e.ID))
	}
	for _, b := range r.blobs[tenant] {
		check(core.BlobPlace(tenant, b), b.Sealed, strings.Replace(string(b.ID), "blob_int_", "int_", 1))
	}
	for _, d := range r.derived[tenant] {
		check(core.DerivedPlace(tenant, d), d.Sealed, string(d.ID))
	}
	check(core.TenantPlace(tenant, 1), r.tenants[tenant].Profile, string(tenant))
	check(core.KeyPlace(tenant, "key_1"), r.apiKeys[tenant][0].Sealed, "key_1")
	return lowest
}

// What was computed can be computed again: damage to it keeps no key alive.
func TestDamagedDerivedRecordIsRemoved(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	w.records.derived[ada][0].Sealed[60] ^= 1
	w.rotateNow(t, w.node, ada)
	w.run(t, w.node)
	if list := w.records.derived[ada]; len(list) != 2 || len(w.node.reports) != 1 {
		t.Errorf("%d are left; reported %v", len(list), w.node.reports)
	}
	if v := w.readable(t, w.node.Service, ada); v != 2 {
		t.Errorf("something is under data key %d", v)
	}
}

func (w *filled) rotateNow(t *testing.T, n *node, tenant core.TenantID) core.Encryption {
	t.Helper()
	e, err := n.Rotate(t.Context(), core.Caller{Tenant: tenant, Key: "key_1"}, core.Op{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *filled) run(t *testing.T, n *node) {
	t.Helper()
	if err := n.reencrypt.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *filled) versions(t *testing.T, tenant core.TenantID) (list []uint32) {
	t.Helper()
	keys, err := w.DataKeys(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		list = append(list, k.Version)
	}
	return list
}

func TestRotationReencryptsAllAndThenDestroysTheOldKey(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	hash, _ := w.service.Hash(t.Context(), ada, "user", "crm-42")
	e := w.rotateNow(t, w.node, ada)
	if e.KeyVersion != 2 || e.Reencryption.State != core.ReencryptionRunning || e.Reencryption.Total != 134 || e.Reencryption.Done != 0 {
		t.Errorf("after the rotation: %+v", e)
	}
	if got := w.records.recorded(ada); !slices.Equal(got, []core.EventType{core.EventEncryptionRotated}) {
		t.Errorf("recorded %v", got)
	}
	if v, _ := core.EnvelopeKeyVersion(seal(t, w.service, placeOf(ada), "x")); v != 2 {
		t.Errorf("a new write is under version %d", v)
	}
	if lowest := w.readable(t, w.service, ada); lowest != 1 {
		t.Errorf("something was re-encrypted already: %d", lowest)
	}
	w.run(t, w.node)
	if lowest := w.readable(t, w.service, ada); lowest != 2 || len(w.records.buffer[ada]) != 0 {
		t.Errorf("still under version %d; %d buffered", lowest, len(w.records.buffer[ada]))
	}
	e, err := w.service.Status(t.Context(), ada, core.EncryptionPlatform)
	if err != nil || e.Reencryption.State != core.ReencryptionIdle || e.Reencryption.Done != 137 || e.Reencryption.Total != 137 {
		t.Errorf("after re-encryption: %+v, %v", e, err)
	}
	w.advance(cacheLife + stepTime + time.Minute - 1)
	w.run(t, w.node)
	if got := w.versions(t, ada); !slices.Equal(got, []uint32{0, 1, 2}) {
		t.Errorf("keys %v: one is gone that another node may still seal by", got)
	}
	w.advance(1)
	w.run(t, w.node)
	if got := w.versions(t, ada); !slices.Equal(got, []uint32{0, 2}) {
		t.Errorf("keys %v, want the index key and the newest", got)
	}
	if again, err := w.start(t, "b").Hash(t.Context(), ada, "user", "crm-42"); err != nil || again != hash {
		t.Errorf("the hash of a reference changed: %v", err)
	}
	if lowest := w.readable(t, w.service, bob); lowest != 1 {
		t.Error("another tenant was re-encrypted too")
	}
	if len(w.node.reports) > 0 {
		t.Errorf("reported: %q", w.node.reports)
	}
}

// A node that has not heard of a rotation goes on sealing by the old key for as
// long as its cache lives; what it seals so is found before the key goes.
func TestOldKeyStaysWhileSomethingIsUnderIt(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	slow := w.start(t, "slow")
	seal(t, slow.Service, placeOf(ada), "cached")
	w.rotateNow(t, w.node, ada)
	w.run(t, w.node)
	late := core.UserRecord{ID: "usr_late", Version: 1, Position: 1000}
	w.advance(cacheLife - 1)
	late.Sealed = seal(t, slow.Service, core.UserPlace(ada, late.ID, 1), "usr_late")
	if v, _ := core.EnvelopeKeyVersion(late.Sealed); v != 1 {
		t.Fatalf("the other node sealed by version %d", v)
	}
	w.records.users[ada] = append(w.records.users[ada], late)
	w.advance(time.Hour)
	w.run(t, w.node)
	if got := w.versions(t, ada); !slices.Contains(got, 1) {
		t.Fatal("the old key is gone while a record needed it")
	}
	w.run(t, w.node)
	w.run(t, w.node)
	if got := w.versions(t, ada); slices.Contains(got, 1) {
		t.Error("the old key is never destroyed")
	}
	if lowest := w.readable(t, slow.Service, ada); lowest != 2 {
		t.Errorf("under version %d", lowest)
	}
}

// Whatever step a process dies in, everything stays readable, and another
// process ends what it began.
func TestDeathAtAnyStepOfARotationLosesNothing(t *testing.T) {
	t.Parallel()
	died := errors.New("died")
	steps := map[string]bool{}
	for point := 0; ; point++ {
		w := newFilled(t)
		n := 0
		w.records.step = func(doing string) error {
			steps[doing] = true
			n++
			if n > point {
				return died
			}
			return nil
		}
		rotating := []func(*node) error{
			func(n *node) error {
				_, err := n.Rotate(t.Context(), core.Caller{Tenant: ada}, core.Op{})
				return err
			},
			func(n *node) error { return n.reencrypt.Run(t.Context()) },
			func(n *node) error { w.advance(time.Hour); return n.reencrypt.Run(t.Context()) },
		}
		for _, do := range rotating {
			if err := do(w.node); err != nil && !errors.Is(err, died) {
				t.Fatal(err)
			}
		}
		over := n <= point
		w.records.step = nil
		heir := w.start(t, "heir")
		w.readable(t, heir.Service, ada)
		w.rotateNow(t, heir, ada)
		for range 5 {
			w.advance(time.Hour)
			w.run(t, heir)
		}
		newest, _ := heir.Status(t.Context(), ada, core.EncryptionPlatform)
		if lowest := w.readable(t, heir.Service, ada); lowest != newest.KeyVersion || len(w.versions(t, ada)) != 2 {
			t.Fatalf("dead at step %d: under version %d of %d, keys %v; %q", point, lowest, newest.KeyVersion, w.versions(t, ada), heir.reports)
		}
		if over {
			t.Logf("%d steps", point)
			break
		}
		if point > 20 { // the middle of a batch is like its beginning
			point += 37
		}
	}
	for _, want := range []string{"add", "reseal", "flush", "progress", "destroy"} {
		if !steps[want] {
			t.Errorf("no step was %q", want)
		}
	}
}

func TestNodesThatReencryptAtOnceDoNoHarm(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	nodes := []*node{w.node, w.start(t, "b"), w.start(t, "c")}
	w.rotateNow(t, w.node, ada)
	nodes[1].Leases, nodes[2].Leases = nil, nil // no guarantee rests on the lease
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			for range 3 {
				if err := n.reencrypt.Run(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.advance(time.Hour)
	w.run(t, w.node)
	w.run(t, w.node)
	if lowest := w.readable(t, w.service, ada); lowest != 2 || len(w.versions(t, ada)) != 2 {
		t.Errorf("under version %d, keys %v", lowest, w.versions(t, ada))
	}
}

func TestDamagedRecordKeepsItsKeyAndIsTold(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	w.records.users[ada][7].Sealed[90] ^= 1
	w.rotateNow(t, w.node, ada)
	for range 5 {
		w.run(t, w.node)
		w.advance(2 * time.Hour)
	}
	e, _ := w.service.Status(t.Context(), ada, core.EncryptionPlatform)
	if e.Reencryption.State != core.ReencryptionFailed || !slices.Contains(w.versions(t, ada), 1) {
		t.Errorf("state %s, keys %v", e.Reencryption.State, w.versions(t, ada))
	}
	if len(w.node.reports) == 0 || !strings.Contains(w.node.reports[0], "usr_7") {
		t.Errorf("reported %q", w.node.reports)
	}
	w.records.users[ada][7].Sealed[90] ^= 1
	for range 3 {
		w.run(t, w.node)
		w.advance(2 * time.Hour)
	}
	if w.readable(t, w.service, ada) != 2 || slices.Contains(w.versions(t, ada), 1) {
		t.Error("the rest was not re-encrypted when the record was mended")
	}
}

func TestRotationOfTheDeploymentReencryptsProfilesAndKeyNames(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	w.advance(100 * time.Hour)
	if err := w.service.RotateOld(t.Context(), 101*time.Hour); err != nil || len(w.records.events) > 0 {
		t.Fatalf("rotated what is not old: %v", err)
	}
	if err := w.service.RotateOld(t.Context(), 99*time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.run(t, w.node)
		w.advance(time.Hour)
	}
	if len(w.deployment.DataKeys) != 2 || w.deployment.DataKeys[1].Version != 2 {
		t.Errorf("the deployment's keys: %+v", w.deployment.DataKeys)
	}
	heir := w.start(t, "heir")
	for _, tenant := range []core.TenantID{ada, bob} {
		if lowest := w.readable(t, heir.Service, tenant); lowest != 2 {
			t.Errorf("%s is under version %d", tenant, lowest)
		}
		if v, _ := core.EnvelopeKeyVersion(w.records.tenants[tenant].Profile); v != 2 {
			t.Errorf("a profile is under version %d", v)
		}
	}
	if len(w.node.reports) > 0 {
		t.Errorf("reported: %q", w.node.reports)
	}
}

// What another node seals by the old key behind the back of a look is found by
// the next, before re-encryption counts as done.
func TestReencryptionLooksAgainBeforeItIsDone(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	slow := w.start(t, "slow")
	late := core.UserRecord{ID: "usr_late", Version: 1, Position: 0}
	late.Sealed = seal(t, slow.Service, core.UserPlace(ada, late.ID, 1), "usr_late")
	w.rotateNow(t, w.node, ada)
	w.records.users[ada] = slices.DeleteFunc(w.records.users[ada], func(u core.UserRecord) bool { return u.ID == "usr_0" })
	late.Position = 1
	w.records.step = func(doing string) error {
		if doing == "progress" && late.Position == 1 {
			w.records.mu.Lock()
			w.records.users[ada] = append([]core.UserRecord{late}, w.records.users[ada]...)
			w.records.mu.Unlock()
			late.Position = 0
		}
		return nil
	}
	w.run(t, w.node)
	e, _ := w.service.Status(t.Context(), ada, core.EncryptionPlatform)
	if v, _ := core.EnvelopeKeyVersion(w.records.users[ada][0].Sealed); v != 2 || e.Reencryption.State != core.ReencryptionIdle {
		t.Errorf("%s with a record under version %d", e.Reencryption.State, v)
	}
}
