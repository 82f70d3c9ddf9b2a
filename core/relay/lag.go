package relay

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Lag is how far a sink is behind, over all tenants, as of the last look.
type Lag struct {
	Events int64
	Most   int64     // of one tenant
	Since  time.Time // when the oldest event that it lacks happened; zero for none
	Down   bool      // as of now: the last delivery failed, and not for its tenant's sake
}

// State is each sink's lag, by its name. It is at most about half a minute old in
// the process that looks through the outboxes. The others know of none, save
// while a sink is down for them: then theirs is some minutes old.
func (s *Service) State() map[string]Lag {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := map[string]Lag{}
	for _, l := range s.lanes {
		lag := s.lag[l.Sink.Name()]
		lag.Down = l.down()
		state[l.Sink.Name()] = lag
	}
	return state
}

// sweep measures the lag, and if this process leads, serves every outbox that
// holds events and removes what every sink has.
func (s *Service) sweep(ctx context.Context, lead bool) error {
	lag := s.noLag()
	err := s.outboxes(ctx, func(box core.OutboxState) error {
		positions, err := s.Store.Positions(ctx, box.Tenant)
		if err != nil {
			return err
		}
		for _, l := range s.lanes {
			name := l.Sink.Name()
			at := max(positions[name], box.First-1)
			if at >= box.Last {
				continue
			}
			since, err := s.happened(ctx, box, at)
			if err != nil {
				return err
			}
			lag[name] = lag[name].with(box.Last-at, since)
			if lead {
				l.add(box.Tenant)
			}
		}
		if !lead {
			return nil
		}
		if _, err := s.leads(ctx); err != nil {
			return err
		}
		return s.trim(ctx, box.Tenant, box.First-1)
	})
	if err == nil {
		s.setLag(lag)
	}
	return err
}

func (s *Service) noLag() map[string]Lag {
	lag := map[string]Lag{}
	for _, l := range s.lanes {
		lag[l.Sink.Name()] = Lag{}
	}
	return lag
}

func (s *Service) setLag(lag map[string]Lag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = lag
}

// happened is when the event after at did.
func (s *Service) happened(ctx context.Context, box core.OutboxState, at int64) (time.Time, error) {
	if at < box.First {
		return box.OldestAt, nil
	}
	next, err := s.Store.Events(ctx, box.Tenant, at, 1)
	if err != nil || len(next) == 0 {
		return time.Time{}, err
	}
	return next[0].At, nil
}

func (l Lag) with(events int64, since time.Time) Lag {
	l.Events += events
	l.Most = max(l.Most, events)
	if l.Since.IsZero() || !since.IsZero() && since.Before(l.Since) {
		l.Since = since
	}
	return l
}

// trim removes what every sink has from an outbox, if that is more than was
// removed before.
func (s *Service) trim(ctx context.Context, tenant core.TenantID, before int64) error {
	positions, err := s.Store.Positions(ctx, tenant)
	if err != nil {
		return err
	}
	if through := s.least(positions); through > before {
		return s.Store.TrimEvents(ctx, tenant, through)
	}
	return nil
}

// least is the last event that every sink has.
func (s *Service) least(positions map[string]int64) int64 {
	var least int64
	for i, l := range s.lanes {
		at := positions[l.Sink.Name()]
		if i == 0 || at < least {
			least = at
		}
	}
	return least
}
