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

// State is each sink's lag, by its name. It is at most about half a minute old.
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

// sweep serves every outbox that holds events, and measures the lag.
func (s *Service) sweep(ctx context.Context) error {
	lag := map[string]Lag{}
	for _, l := range s.lanes {
		lag[l.Sink.Name()] = Lag{}
	}
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
			l.add(box.Tenant)
			since, err := s.happened(ctx, box, at)
			if err != nil {
				return err
			}
			lag[name] = lag[name].with(box.Last-at, since)
		}
		return s.trim(ctx, box.Tenant, box.First-1)
	})
	if err == nil {
		s.mu.Lock()
		s.lag = lag
		s.mu.Unlock()
	}
	return err
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
