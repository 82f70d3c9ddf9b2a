package contract

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Leases is the contract of ports.Leases. A tenant here need not exist: what is
// left of a deleted one is worked on too.
func Leases(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"OneHolderAtATime", oneHolderAtATime},
		{"HolderProlongs", holderProlongs},
		{"LeaseThatRanOutIsTaken", leaseThatRanOutIsTaken},
		{"OnlyTheHolderEndsIt", onlyTheHolderEndsIt},
		{"OneOfManyTakesALease", oneOfManyTakesALease},
		{"LeasesAreApart", leasesAreApart},
		{"DeletedTenantsLeasesGoOn", deletedTenantsLeasesGoOn},
		{"NoLeaseOfWhatHasNoName", noLeaseOfWhatHasNoName},
	}, leaseCalls())
}

func leaseCalls() []call {
	return []call{
		{name: "Lease", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			now := w.Now()
			return w.Lease(ctx, at.tenant, "work", "ada", now, now.Add(lease))
		}},
		{name: "EndLease", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.EndLease(ctx, at.tenant, "work", "ada"))
		}},
	}
}

// leased says what an attempt to take a lease for a minute should come to.
func (w *World) leased(tenant core.TenantID, work, holder string, now time.Time, want bool) {
	w.T.Helper()
	got, err := w.Lease(w.Ctx, tenant, work, holder, now, now.Add(lease))
	w.ok(err)
	if got != want {
		w.T.Fatalf("the lease of %s for %s: got %v, want %v", work, holder, got, want)
	}
}

func oneHolderAtATime(w *World) {
	for _, tenant := range []core.TenantID{w.MustCreateTenant().ID, core.DeploymentTenant} {
		now := w.Now()
		w.leased(tenant, "relay", "ada", now, true)
		w.leased(tenant, "relay", "bob", now, false)
		w.leased(tenant, "relay", "", now, false)
		w.leased(tenant, "relay", "ada", now, true)
		w.leased(tenant, "relay", "bob", now.Add(lease-time.Millisecond), false)
	}
}

func holderProlongs(w *World) {
	t := w.MustCreateTenant()
	now := w.Now()
	w.leased(t.ID, "relay", "ada", now, true)
	w.leased(t.ID, "relay", "ada", now.Add(lease/2), true)
	w.leased(t.ID, "relay", "bob", now.Add(lease+lease/2-time.Millisecond), false)
	_, err := w.Lease(w.Ctx, t.ID, "relay", "ada", now, now.Add(time.Millisecond)) // or makes it shorter
	w.ok(err)
	w.leased(t.ID, "relay", "bob", now.Add(time.Millisecond), true)
}

func leaseThatRanOutIsTaken(w *World) {
	t := w.MustCreateTenant()
	now := w.Now()
	w.leased(t.ID, "relay", "ada", now, true)
	w.leased(t.ID, "relay", "bob", now.Add(lease), true)
	w.leased(t.ID, "relay", "ada", now.Add(lease), false)
	w.leased(t.ID, "relay", "ada", now.Add(2*lease-time.Millisecond), false)
	got, err := w.Lease(w.Ctx, t.ID, "other", "ada", now, now) // it is over when it begins
	w.ok(err)
	w.equal("a lease of no time", got, true)
	w.leased(t.ID, "other", "bob", now, true)
	got, err = w.Lease(w.Ctx, t.ID, "past", "ada", now, now.Add(-time.Hour))
	w.ok(err)
	w.equal("a lease of the past", got, true)
	w.leased(t.ID, "past", "bob", now, true)
}

func onlyTheHolderEndsIt(w *World) {
	t := w.MustCreateTenant()
	now := w.Now()
	w.ok(w.EndLease(w.Ctx, t.ID, "relay", "ada")) // that nobody has
	w.leased(t.ID, "relay", "ada", now, true)
	for _, other := range []string{"bob", "", "ada ", "ADA"} {
		w.ok(w.EndLease(w.Ctx, t.ID, "relay", other))
	}
	w.ok(w.EndLease(w.Ctx, t.ID, "relays", "ada"))
	w.leased(t.ID, "relay", "bob", now, false)
	w.ok(w.EndLease(w.Ctx, t.ID, "relay", "ada"))
	w.leased(t.ID, "relay", "bob", now, true)
	w.ok(w.EndLease(w.Ctx, t.ID, "relay", "ada")) // not hers any more
	w.leased(t.ID, "relay", "ada", now, false)
}

func oneOfManyTakesALease(w *World) {
	t := w.MustCreateTenant()
	now := w.Now()
	for round := range 4 {
		at := now.Add(time.Duration(round) * lease) // each finds the one before run out
		held := make([]bool, 24)
		w.allOK(together(len(held), func(i int) (err error) {
			held[i], err = w.Lease(w.Ctx, t.ID, "relay", fmt.Sprint("node ", round, i), at, at.Add(lease))
			return err
		}))
		n := 0
		for _, h := range held {
			if h {
				n++
			}
		}
		w.equal("how many of many have one lease", n, 1)
	}
}

func leasesAreApart(w *World) {
	a := w.MustCreateTenant().ID
	now := w.Now()
	for _, tenant := range []core.TenantID{a, lookAlike(a), core.DeploymentTenant} {
		for _, work := range []string{"relay", "relay-audit", "relay:audit", "re-encryption", "key_unavailable", "a", "0", "v1.2", strings.Repeat("w", 64)} {
			holder := string(tenant) + "/" + work
			w.leased(tenant, work, holder, now, true)
		}
	}
	w.ok(w.EndLease(w.Ctx, a, "relay", string(a)+"/relay"))
	w.leased(a, "relay", "bob", now, true)
	w.leased(lookAlike(a), "relay", "bob", now, false)
	w.leased(core.DeploymentTenant, "relay", "bob", now, false)
	w.leased(a, "relay-audit", "bob", now, false)
	w.leased(a, "relay:audit", "bob", now, false)
}

func deletedTenantsLeasesGoOn(w *World) {
	s := w.stage()
	now := w.Now()
	w.leased(s.tenant, "relay", "ada", now, true)
	w.mustDeleteTenant(s.tenant)
	w.leased(s.tenant, "relay", "bob", now, false)
	w.mustPurge(everything)
	w.leased(s.tenant, "relay", "ada", now, true)
	w.ok(w.EndLease(w.Ctx, s.tenant, "relay", "ada"))
	w.leased(s.tenant, "relay", "bob", now, true)
}

func noLeaseOfWhatHasNoName(w *World) {
	s := w.stage()
	now := w.Now()
	none := func(tenant core.TenantID, work string) {
		w.T.Helper()
		got, err := w.Lease(w.Ctx, tenant, work, "ada", now, now.Add(lease))
		if got || !core.Is(err, core.CodeNotFound) {
			w.T.Fatalf("a lease of %q of %q: %v, %v", cut(work), cut(string(tenant)), got, err)
		}
		if err := w.EndLease(w.Ctx, tenant, work, "ada"); !core.Is(err, core.CodeNotFound) {
			w.T.Fatalf("the end of a lease of %q of %q: %v", cut(work), cut(string(tenant)), err)
		}
	}
	w.unchanged(func() {
		for _, id := range hostile(string(s.tenant)) {
			if !core.TenantID(id).Valid() {
				none(core.TenantID(id), "work")
			}
		}
		for _, name := range []string{
			"", " ", "a b", "A", "{a}", "a}", "a/b", "../a", "-a", ":a", ".", "a*", "a\x00", "a\n", "é", "\xff", strings.Repeat("a", 65),
		} {
			none(s.tenant, name)
			none(core.DeploymentTenant, name)
		}
	})
}
