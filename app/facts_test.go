package app

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

// ear is a learner for whom ingests wait, and that learns from none.
func ear() *learner {
	return newLearner(&App{log: slog.New(slog.DiscardHandler), facts: facts.New(facts.Deps{Extract: rules{}})})
}

func (l *learner) hears(tenant core.TenantID, text string) {
	l.hear(core.Caller{Tenant: tenant}, "usr_1", []core.Interaction{{Content: text}})
}

// rest takes all that waits, as a tenant and a text each.
func (l *learner) rest() (list []string) {
	for len(l.queue) > 0 {
		<-l.queue
		h := l.take()
		list = append(list, fmt.Sprint(h.caller.Tenant, " ", h.list[0].Content))
		l.let(&h)
	}
	return list
}

func TestAFloodOfOneTenantsLeavesRoomForTheOthers(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"short": "Hi", "long": strings.Repeat("x", heardBytesOfTenant/100)} {
		l := ear()
		for range heardQueue + 10 {
			l.hears("ten_1", text)
		}
		l.hears("ten_2", "I live in Lisbon.")
		list := l.rest()
		if !slices.Contains(list, "ten_2 I live in Lisbon.") {
			t.Errorf("%s: what another tenant said is not looked into", name)
		}
		if len(l.tenants) != 0 || len(l.order) != 0 || l.bytes != 0 {
			t.Errorf("%s: %d tenants, %d of them waiting, and %d bytes are left of nothing", name, len(l.tenants), len(l.order), l.bytes)
		}
		l.hears("ten_1", "Hi")
		if len(l.rest()) != 1 {
			t.Errorf("%s: there is no room after the flood", name)
		}
	}
}

func TestWhatIsLearntFromTakesRoomUntilItIsDone(t *testing.T) {
	t.Parallel()
	l := ear()
	l.hears("ten_1", strings.Repeat("x", heardBytesOfTenant))
	<-l.queue
	h := l.take()
	l.hears("ten_1", "Hi")
	if len(l.queue) != 0 {
		t.Error("there is more than a tenant may have")
	}
	l.let(&h)
	l.hears("ten_1", "Hi")
	if len(l.queue) != 1 {
		t.Error("what is done takes room")
	}
}

func TestTenantsHaveTheirTurnsInLearning(t *testing.T) {
	t.Parallel()
	l := ear()
	for _, said := range []string{"ten_1 a", "ten_1 b", "ten_1 c", "ten_2 a", "ten_3 a", "ten_2 b"} {
		tenant, text, _ := strings.Cut(said, " ")
		l.hears(core.TenantID(tenant), text)
	}
	want := []string{"ten_1 a", "ten_2 a", "ten_3 a", "ten_1 b", "ten_2 b", "ten_1 c"}
	if got := l.rest(); !slices.Equal(got, want) {
		t.Errorf("learnt from %v, want %v", got, want)
	}
}

func TestAllThatWaitsToBeLearntFromIsBounded(t *testing.T) {
	t.Parallel()
	l := ear()
	for i := range heardQueue + 10 {
		l.hears(core.TenantID(fmt.Sprint("ten_", i)), "Hi")
	}
	if len(l.queue) != heardQueue || len(l.tenants) != heardQueue {
		t.Errorf("%d wait, of %d tenants", len(l.queue), len(l.tenants))
	}
}
