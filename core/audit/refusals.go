package audit

import (
	"context"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// Refusal is a use of a key that was refused.
type Refusal struct {
	Tenant core.TenantID // core.DeploymentTenant when the key belongs to none
	Key    core.KeyID    // "" when there is none
	Reason string        // of a few; never what a caller chose
	Scope  string        // what was missing, with insufficient_scope
}

const (
	// quietTime is how long refusals of one kind are gathered in one event.
	quietTime = time.Minute
	// maxRefusals bounds the kinds that are told apart; past it the keys are not.
	maxRefusals = 4096
)

// gathered are the refusals of one kind since the last event of them.
type gathered struct {
	count   int64
	first   time.Time
	recFrom time.Time // the next event may be recorded from here on
	unsure  *recording
}

// recording is an event that may be recorded or not, since that failed: tried
// again as the same operation, it is recorded once.
type recording struct {
	op    core.Op
	event core.Event
}

// refusals counts refusals, so that a flood of them makes few events.
type refusals struct {
	mu    sync.Mutex
	kinds map[Refusal]gathered
	fresh chan struct{}
	turn  chan struct{} // held by who records: a reader waits for what is on its way
}

func newRefusals() refusals {
	return refusals{kinds: map[Refusal]gathered{}, fresh: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

func (r *refusals) add(what Refusal, count int64, first time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, known := r.kinds[what]
	if !known && len(r.kinds) >= maxRefusals {
		what = Refusal{Tenant: core.DeploymentTenant, Reason: what.Reason}
		g = r.kinds[what]
	}
	if g.count == 0 {
		g.first = first
		if !first.Before(g.recFrom) {
			select {
			case r.fresh <- struct{}{}:
			default: // told already
			}
		}
	}
	g.count += count
	r.kinds[what] = g
}

// take removes what is to be recorded now.
func (r *refusals) take(now time.Time, of func(core.TenantID) bool, all bool) map[Refusal]gathered {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := map[Refusal]gathered{}
	for what, g := range r.kinds {
		over := !now.Before(g.recFrom)
		switch {
		case !of(what.Tenant):
		case g.unsure != nil:
			taken[what] = gathered{unsure: g.unsure}
			g.unsure = nil
			r.kinds[what] = g
		case g.count > 0 && (all || over):
			taken[what] = g
			r.kinds[what] = gathered{recFrom: now.Add(quietTime)}
		case g.count == 0 && over:
			delete(r.kinds, what)
		}
	}
	return taken
}

// putBack keeps what could not be recorded.
func (r *refusals) putBack(what Refusal, u *recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.kinds[what]
	g.unsure = u
	r.kinds[what] = g
}

// Refused notes a use of a key that was refused. It never waits for the store:
// FlushRefusals records what it noted.
func (s *Service) Refused(what Refusal) {
	if what.Tenant == "" {
		what.Tenant = core.DeploymentTenant
	}
	s.refusals.add(what, 1, s.Clock.Now())
}

// FreshRefusals receives when FlushRefusals has something to record.
func (s *Service) FreshRefusals() <-chan struct{} { return s.refusals.fresh }

// FlushRefusals records what was refused, at most one event a minute of a
// kind: tenant, key and reason.
func (s *Service) FlushRefusals(ctx context.Context) error {
	return s.flush(ctx, func(core.TenantID) bool { return true }, false)
}

// FlushAllRefusals records all of it, for when the process ends.
func (s *Service) FlushAllRefusals(ctx context.Context) error {
	return s.flush(ctx, func(core.TenantID) bool { return true }, true)
}

func (s *Service) flush(ctx context.Context, of func(core.TenantID) bool, all bool) error {
	select {
	case s.refusals.turn <- struct{}{}:
		defer func() { <-s.refusals.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := s.Clock.Now()
	for range 2 { // what is unsure, and what came since
		var failed error
		for what, g := range s.refusals.take(now, of, all) {
			u := g.unsure
			if u == nil {
				op := core.Op{ID: s.IDs.Operation(), Until: now.Add(core.IdempotencyLife)}
				u = &recording{op, s.refusal(what, g, now)}
			}
			if err := s.record(ctx, u); err != nil {
				s.refusals.putBack(what, u)
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// record records an event for its tenant, or for the deployment once that tenant
// is deleted.
func (s *Service) record(ctx context.Context, u *recording) error {
	err := s.Recorder.RecordEvents(ctx, u.event.Tenant, u.op, u.event)
	if core.Is(err, core.CodeNotFound) && u.event.Tenant != core.DeploymentTenant {
		u.event.Tenant = core.DeploymentTenant
		err = s.Recorder.RecordEvents(ctx, u.event.Tenant, u.op, u.event)
	}
	return err
}

func (s *Service) refusal(what Refusal, g gathered, now time.Time) core.Event {
	data := core.EventData{
		"reason": what.Reason, "count": g.count, "first_at": timeText(g.first.Truncate(time.Millisecond)),
	}
	if what.Key != "" {
		data["key_id"] = string(what.Key)
	}
	if what.Scope != "" {
		data["scope"] = what.Scope
	}
	return core.Event{
		ID: s.IDs.Event(), Type: core.EventAuthFailed, At: now,
		Tenant: what.Tenant, Actor: core.Actor{Key: what.Key}, Data: data,
	}
}
