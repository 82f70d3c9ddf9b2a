package relay

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// sweepWork is the lease of the deployment's that one process has: to look through
// all outboxes. If every process did, what they ask of the store would grow with
// the square of the deployment, and all would then try to serve the same tenants.
const sweepWork = "relay:sweep"

// sweeping is what Run alone touches.
type sweeping struct {
	until time.Time // of the lease; zero: this process has none
	next  time.Time // when the one that has it is to sweep
	sound time.Time // when another is to measure, while a sink is down for it
}

// look does what is due, and says how long until the next look.
func (s *Service) look(ctx context.Context) (time.Duration, error) {
	lead, err := s.leads(ctx)
	if err != nil {
		return s.lookAgain(), err
	}
	now, at := s.Clock.Now(), &s.sweeping
	switch {
	case lead && due(at.next, now):
		at.next = now.Add(sweepEvery)
		err = s.sweep(ctx, true)
	case lead:
	case !s.anyDown():
		at.next, at.sound = time.Time{}, now.Add(soundEvery) // who comes to lead sweeps at once
		s.setLag(s.noLag())
	case due(at.sound, now):
		at.next, at.sound = time.Time{}, now.Add(soundEvery)
		err = s.sweep(ctx, false)
	}
	return s.lookAgain(), err
}

// due reports whether a time has come, or is further away than any that is set:
// then the clock was set back.
func due(at, now time.Time) bool {
	pause := at.Sub(now)
	return pause <= 0 || pause > soundEvery
}

// lookAgain spreads the looks of many processes.
func (s *Service) lookAgain() time.Duration {
	if s.Leases == nil {
		return sweepEvery
	}
	return lookEvery - time.Duration(s.Jitter()*float64(lookEvery)/4)
}

// leads takes or prolongs the lease to sweep. Without leases, there is no other
// process.
func (s *Service) leads(ctx context.Context) (bool, error) {
	if s.Leases == nil {
		return true, nil
	}
	now := s.Clock.Now()
	if left := s.sweeping.until.Sub(now); left > leadTime-lookEvery/2 && left <= leadTime { // or the clock was set back
		return true, nil // it was just prolonged
	}
	until := now.Add(leadTime)
	mine, err := s.Leases.Lease(ctx, core.DeploymentTenant, sweepWork, s.Holder, now, until)
	if err != nil || !mine {
		s.sweeping.until = time.Time{}
		return false, err
	}
	s.sweeping.until = until
	return true, nil
}

// yield gives the lease to sweep to whoever asks next.
func (s *Service) yield(ctx context.Context) {
	if s.sweeping.until.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_ = s.Leases.EndLease(ctx, core.DeploymentTenant, sweepWork, s.Holder)
}

func (s *Service) anyDown() bool {
	for _, l := range s.lanes {
		if l.down() {
			return true
		}
	}
	return false
}
