package failpoints

import (
	"testing"
	"time"
)

// TestStartMayGoWrongAtEverySideEffect breaks the first start on an empty store,
// and the next one, which has a new version of the keyring.
func TestStartMayGoWrongAtEverySideEffect(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]func(*testing.T) place{"embedded": newEmbedded, "redis": newOnRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, next := range []bool{false, true} {
				effects := len(startBroken(t, empty(t), next, none, 0))
				if effects == 0 {
					t.Fatal("a start has no side effects")
				}
				t.Logf("next start %v: %d side effects", next, effects)
				for at := range effects {
					for _, how := range []mode{kill, failBefore, failAfter} {
						startBroken(t, empty(t), next, how, at)
					}
				}
			}
		})
	}
}

// startBroken starts on an empty store, and again on what that left, until the
// main job is done.
func startBroken(t *testing.T, at place, next bool, how mode, which int) (effects []string) {
	t.Helper()
	w := &world{T: t, place: at, clock: &clock{now: time.Now().UTC().Truncate(time.Millisecond)}, made: map[string]string{}}
	if next {
		w.mustStart(patience)
		w.stop()
	}
	w.starting = func(g *gate) { g.arm(how, which, nil) }
	started := w.newVersion(next)
	effects = w.gate.disarm()
	if started == nil {
		w.stop()
	} else if how == none {
		t.Fatal(started)
	}
	w.starting = nil
	w.mustStart(patience)
	defer func() { w.stop() }()
	fill(w, "")
	w.again(patience)
	w.must(request{method: "GET", path: talk + "/memory"})
	return effects
}

// newVersion starts, with a new version of the keyring if that is wanted.
func (w *world) newVersion(wanted bool) error {
	if wanted {
		w.addKeyringVersion()
	}
	return w.start(patience)
}
