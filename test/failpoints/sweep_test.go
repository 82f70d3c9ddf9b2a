package failpoints

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/ports"
)

// prepared is a store that was filled once, and what its worlds begin with.
type prepared struct {
	template template
	now      time.Time
	world    world // whose made and key others copy

	once      sync.Once
	untouched string // the state when nothing was done
}

func prepare(t *testing.T, empty func(*testing.T) place) *prepared {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	w := &world{T: t, place: empty(t), clock: &clock{now: time.Now().UTC().Truncate(time.Millisecond)}, made: map[string]string{}}
	w.mustStart(patience)
	fill(w, receiver.URL)
	w.stop()
	cfg, err := w.config(patience)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := app.OpenAuditReader(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if w.auditKey, err = reader.Key(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	return &prepared{template: w.place.keep(t), now: w.clock.Now(), world: *w}
}

// fresh is a world of the test's own in which the operation is about to be done.
func (p *prepared) fresh(t *testing.T, o operation) *world {
	t.Helper()
	w := &world{T: t, place: p.template.fresh(t), clock: &clock{now: p.now}, made: maps.Clone(p.world.made), auditKey: p.world.auditKey}
	w.mustStart(patience)
	if o.prepare != nil {
		o.prepare(w)
	}
	return w
}

// outcomes are the states that an operation may leave when all has settled.
type outcomes struct {
	before, after, twice string
	later                string // done after what the background did of what was there before
	effects              []string
}

// clean does the operation without faults.
func (p *prepared) clean(t *testing.T, o operation) (all outcomes) {
	t.Helper()
	state := func(times int, later bool) string {
		w := p.fresh(t, o)
		defer w.stop()
		if later {
			w.settle()
		}
		if times == 0 && o.lossy {
			w.gate.die()
			w.again(patience)
		}
		w.gate.breakDown(o.broken...)
		for i := range times {
			if i == 0 {
				w.gate.arm(none, 0, nil)
			}
			a, err := o.run(t.Context(), w)
			if effects := w.gate.disarm(); i == 0 && !later {
				all.effects = effects
			}
			if err != nil || o.job == "" && !o.expected(a, i > 0) {
				t.Fatalf("run %d without a fault: %s, %v", i+1, a, err)
			}
			w.gate.breakDown()
		}
		w.settle()
		w.whole()
		return w.state()
	}
	if o.prepare == nil {
		p.once.Do(func() { p.untouched = state(0, false) })
		all.before = p.untouched
	} else {
		all.before = state(0, false)
	}
	all.after = state(1, false)
	if o.job != "" {
		return all
	}
	all.twice, all.later = state(2, false), all.after
	if o.prepare != nil && len(o.broken) == 0 {
		all.later = state(1, true)
	}
	if len(o.broken) > 0 {
		all.after = all.twice // the second run does it
	}
	return all
}

// effects lists the side effects of an operation that is not swept.
func (p *prepared) effects(t *testing.T, o operation) []string {
	t.Helper()
	w := p.fresh(t, o)
	defer w.stop()
	w.gate.breakDown(o.broken...)
	w.gate.arm(none, 0, nil)
	if _, err := o.run(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return w.gate.disarm()
}

// expected reports whether an answer is one of a run without faults.
func (o operation) expected(a answer, repeated bool) bool {
	switch {
	case a.status == o.refusal && (!repeated || len(o.broken) == 0):
		return true
	case repeated && slices.Contains(o.repeated, a.status):
		return true
	default:
		return a.good() && (o.refusal == 0 || repeated)
	}
}

// tally counts what was swept.
type tally struct {
	mu                  sync.Mutex
	operations, effects int
	violations          int
	runs                map[mode]int
	swept               map[string]bool
}

func (y *tally) add(effects []string) {
	y.mu.Lock()
	y.operations++
	y.effects += len(effects)
	y.mu.Unlock()
	y.note(effects)
}

// note takes down what is in an operation.
func (y *tally) note(effects []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, name := range effects {
		y.swept[name] = true
	}
}

func (y *tally) ran(how mode, failed bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.runs[how]++
	if failed {
		y.violations++
	}
}

func (y *tally) byMode() string {
	var list []string
	for _, how := range modes {
		list = append(list, fmt.Sprintf("%d %s", y.runs[how], how))
	}
	return strings.Join(list, ", ")
}

// wanted leaves out, on Redis, operations that are one script there: what differs
// from the embedded store is what takes several steps, in several slots.
func (p *prepared) wanted(o operation) bool {
	_, redis := p.template.(dump)
	return *every || !redis || o.steps
}

// fault is one run with something going wrong.
type fault struct {
	operation
	outcomes
	how mode
	at  int
}

func (f fault) run(t *testing.T, p *prepared) {
	w := p.fresh(t, f.operation)
	defer func() { w.stop() }()
	others := w.bystander()
	if f.how == late && f.job == "" {
		w.again(shortTime)
	}
	a, second := f.strike(w)
	if f.how == kill || f.how == late {
		w.again(patience)
	}
	f.answered(w, a, second)
	w.settle()
	f.half(w, w.state(), a.good())
	f.repeat(w)
	if n := w.whole(); f.tenants > 0 && n != f.tenants {
		t.Errorf("there are %d tenants", n)
	}
	if now := w.bystander(); now != others && !f.everybody {
		t.Errorf("another tenant felt it:%s", difference(now, others))
	}
}

// strike does the operation with the fault, and gives its answer, and that of the
// second caller.
func (f fault) strike(w *world) (a answer, second []answer) {
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if f.how == late && f.job != "" {
		ctx, cancel = context.WithTimeout(w.Context(), shortTime)
		defer cancel()
	}
	w.gate.breakDown(f.broken...)
	w.gate.arm(f.how, f.at, func() {
		done := make(chan answer, 1)
		go func() { done <- w.do(f.ask) }()
		select { // it may wait for the first one
		case b := <-done:
			second = append(second, b)
		case <-time.After(shortTime):
		}
	})
	a, _ = f.operation.run(ctx, w)
	if f.how == kill {
		w.gate.die()
	}
	w.gate.disarm()
	w.gate.breakDown()
	return a, second
}

// answered holds what callers were told against what may be told.
func (f fault) answered(w *world, a answer, second []answer) {
	if f.job != "" || f.how == kill {
		return
	}
	if !f.expected(a, false) && a.status != http.StatusServiceUnavailable && (f.how != overtaken || !conflicting(a, f.operation)) {
		w.Errorf("answered %s", a)
	}
	for _, b := range second {
		if !f.expected(b, false) && !conflicting(b, f.operation) && b.status != http.StatusServiceUnavailable {
			w.Errorf("the second caller was answered %s", b)
		}
	}
}

// conflicting reports whether an answer is one of somebody who is not alone.
func conflicting(a answer, o operation) bool {
	return a.status == http.StatusConflict || slices.Contains(o.repeated, a.status)
}

// half fails where something is neither before nor after the operation.
func (f fault) half(w *world, got string, acknowledged bool) {
	possible := []string{f.after}
	if f.job == "" && !acknowledged || f.lossy && f.how == kill {
		possible = append(possible, f.before)
	}
	if f.how == overtaken && f.ask.once == "" {
		possible = append(possible, f.twice)
	}
	if !slices.Contains(possible, got) && !(f.everybody && stored(got) == stored(f.after)) {
		w.Errorf("done by half:%s", difference(got, f.after))
	}
}

// repeat does it again, as a client does who does not know what came of it.
func (f fault) repeat(w *world) {
	if f.job != "" {
		return
	}
	a := w.do(f.ask)
	if !f.expected(a, true) {
		w.Errorf("repeated: %s", a)
	}
	w.settle()
	now := w.state()
	if f.how == overtaken && f.ask.once == "" && stored(now) == stored(f.after) {
		return // three did it, and each is told of
	}
	if now != f.after && now != f.later && (f.ask.once != "" || now != f.twice) {
		w.Errorf("repeated, it is not there once:%s", difference(now, f.after))
	}
}

// stored is what a state says without what it says of events.
func stored(state string) string {
	before, _, _ := strings.Cut(state, "\n/tenant/audit")
	return before
}

// faults are all ways in which an operation can go wrong.
func (o operation) faults(all outcomes) (list []fault) {
	for at := range len(all.effects) + 1 {
		if at < len(all.effects) && !o.usual && !*every && slices.Contains(usual, all.effects[at]) {
			continue
		}
		for _, how := range modes {
			if at == len(all.effects) && how != kill || how == overtaken && o.job != "" {
				continue
			}
			list = append(list, fault{o, all, how, at})
		}
	}
	return list
}

// every has the usual side effects swept in each operation, and each operation on
// each store.
var every = flag.Bool("every", false, "sweep what is the same in many operations in each of them")

// usual are side effects that come before what an operation does.
var usual = []string{"Limiter.Take", "PlatformKeys.Unwrap", "Idempotency.Begin"}

func TestEverySideEffectMayGoWrong(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(*testing.T) place{"embedded": newEmbedded, "redis": newOnRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t, empty)
			count := sweep(t, p, operations)
			if *every || p.wanted(operation{}) {
				count.missing(t)
			}
		})
	}
}

// sweep breaks operations, and counts how often.
func sweep(t *testing.T, p *prepared, operations []operation) *tally {
	t.Helper()
	began := time.Now()
	count := &tally{runs: map[mode]int{}, swept: map[string]bool{}}
	t.Run("all", func(t *testing.T) {
		for i, o := range operations {
			if !p.wanted(o) {
				continue
			}
			t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
				t.Parallel()
				if i%share != 0 {
					count.note(p.effects(t, o))
					return
				}
				all := p.clean(t, o)
				count.add(all.effects)
				t.Logf("%d side effects: %s", len(all.effects), strings.Join(all.effects, ", "))
				for _, f := range o.faults(all) {
					where := "end"
					if f.at < len(all.effects) {
						where = all.effects[f.at]
					}
					t.Run(fmt.Sprintf("%s/%d_%s", strings.ReplaceAll(string(f.how), " ", "_"), f.at, where), func(t *testing.T) {
						defer func() { count.ran(f.how, t.Failed()) }()
						f.run(t, p)
					})
				}
			})
		}
	})
	runs := 0
	for _, n := range count.runs {
		runs += n
	}
	t.Logf("%d operations, %d gaps, %d runs (%s), %d violations, in %v",
		count.operations, count.effects+count.operations, runs, count.byMode(), count.violations, time.Since(began).Round(time.Second))
	return count
}

// missing fails where a method of a store is neither a read nor was swept.
func (y *tally) missing(t *testing.T) {
	known := map[string]bool{}
	for name := range y.swept {
		known[name[strings.Index(name, ".")+1:]] = true
	}
	for _, name := range append(slices.Clone(reads), elsewhere...) {
		known[name[strings.Index(name, ".")+1:]] = true
	}
	for i, s := 0, reflect.TypeFor[ports.Store](); i < s.NumMethod(); i++ {
		if name := s.Method(i).Name; !known[name] {
			t.Errorf("%s is neither a read nor in an operation that is swept", name)
		}
	}
}

// elsewhere are the side effects of a start, which has a sweep of its own, and of
// a restore, which puts a log behind entries that were dropped.
var elsewhere = []string{"DataKeys.InitDeployment", "DataKeys.AddKeyChecks", "AuditLog.BeginAudit"}
