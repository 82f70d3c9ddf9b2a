package main

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRevokedKeyIsRefusedOnEverySimulatedNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trial, err := newAuthTrial(options{seed: 1, tenants: 20}, 50, false)
		if err != nil {
			t.Fatal(err)
		}
		trial.run(500, 15*time.Second)
		_, _, most := trial.lag.quantiles()
		if trial.broken.Load() > 0 || most == 0 {
			t.Errorf("after its revocation was acknowledged, a key was let in for up to %v, later than %v %d times", most, promise, trial.broken.Load())
		}
		if trial.refused.Load() > 0 {
			t.Errorf("%d uses of good keys were refused", trial.refused.Load())
		}
	})
}

func TestEveryEventIsLoggedOnceThoughNodesDie(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trial, err := newOutboxTrial(options{seed: 1, tenants: 20}, 50, false)
		if err != nil {
			t.Fatal(err)
		}
		calls := trial.run(40, time.Minute)
		recorded, missing, wrong := trial.verdict()
		if recorded == 0 || missing > 0 || wrong > 0 || trial.forks.Load() > 0 || trial.deaths.Load() == 0 {
			t.Errorf("of %d events %d are missing and %d out of place, with %d forks and %d deaths", recorded, missing, wrong, trial.forks.Load(), trial.deaths.Load())
		}
		if each := float64(calls.total()) / float64(recorded); each > 60 {
			t.Errorf("an event costs %.0f calls to the store", each)
		}
	})
}
