package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// Steps of one sweep. What is left waits for the next; it is hidden meanwhile.
const (
	sweepTenants = 500
	sweepPlaces  = 200              // of a tenant, before it is the others' turn
	sweepTime    = 30 * time.Second // after which nobody has another turn
)

// Sweep removes what has expired, of every tenant, in turns of bounded steps. It
// tells Report of what fails and goes on with the rest.
func (s *Service) Sweep(ctx context.Context) error {
	w := sweeping{s, map[core.TenantID]int{}}
	until := s.Clock.Now().Add(sweepTime)
	more, err := w.all(ctx)
	for err == nil && len(more) > 0 && s.Clock.Now().Before(until) {
		more = slices.DeleteFunc(more, func(id core.TenantID) bool { return !w.turn(ctx, id) })
		err = ctx.Err()
	}
	return err
}

// sweeping is one sweep.
type sweeping struct {
	*Service

	stuck map[core.TenantID]int // places that something failed for: they stay the oldest
}

// all gives each tenant its turn, and lists those that have more to remove.
func (w *sweeping) all(ctx context.Context) (more []core.TenantID, err error) {
	var after core.TenantID
	for {
		ids, err := w.Tenants.TenantIDs(ctx, after, sweepTenants)
		if err != nil || len(ids) == 0 {
			return more, err
		}
		for _, id := range ids {
			if w.turn(ctx, id) {
				more = append(more, id)
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		after = ids[len(ids)-1]
	}
}

// turn removes some of what is expired of a tenant, and reports whether there may
// be more.
func (w *sweeping) turn(ctx context.Context, id core.TenantID) (more bool) {
	if ctx.Err() != nil {
		return false
	}
	more, err := w.some(ctx, id)
	if err != nil && ctx.Err() == nil {
		w.Report(ctx, "removing expired memory", err)
	}
	return more
}

// some tries the oldest places behind those that are stuck. It gives the first
// error there was.
func (w *sweeping) some(ctx context.Context, id core.TenantID) (more bool, err error) {
	caller, err := w.system(ctx, id)
	if err != nil {
		return false, gone(err)
	}
	cutoff := caller.Settings.RetentionCutoff(w.Clock.Now())
	if cutoff.IsZero() {
		return false, nil
	}
	stuck := w.stuck[id]
	places, err := w.Store.Expired(ctx, id, cutoff.Add(time.Millisecond), stuck+sweepPlaces)
	if err != nil {
		return false, gone(err)
	}
	var failed error
	for _, p := range places[min(stuck, len(places)):] {
		if err := w.expire(ctx, caller, p, cutoff); err != nil {
			w.stuck[id]++
			failed = cmp.Or(failed, err)
		}
	}
	return len(places) == stuck+sweepPlaces, failed
}

// expire removes what a place holds that is expired. A place that another node
// was faster with is left to it.
func (s *Service) expire(ctx context.Context, caller core.Caller, p core.ExpiredPlace, cutoff time.Time) error {
	var err error
	switch {
	case p.Blob == "":
		err = s.expireBuffer(ctx, caller, p, cutoff)
	case p.Conversation == "":
		err = s.Facts.Expire(ctx, caller, p.User, cutoff)
	default:
		err = s.expireBlob(ctx, caller, p, cutoff)
	}
	if core.Is(err, core.CodeVersionConflict) {
		return nil
	}
	return gone(err)
}

// expireBlob removes a blob as it is where all of it is expired: that takes no key,
// which may be gone.
func (s *Service) expireBlob(ctx context.Context, caller core.Caller, p core.ExpiredPlace, cutoff time.Time) error {
	b, err := s.Store.Blob(ctx, caller.Tenant, p.User, p.Blob)
	if err != nil {
		return err
	}
	if !b.LastTakenAt.After(cutoff) {
		return s.deleteBlob(ctx, caller, b, core.EventMemoryExpired)
	}
	return s.takeOut(ctx, caller, b, core.EventMemoryExpired, func(in core.Interaction) bool { return !in.AcceptedAt.After(cutoff) })
}

func (s *Service) expireBuffer(ctx context.Context, caller core.Caller, p core.ExpiredPlace, cutoff time.Time) error {
	entries, err := s.Store.Buffered(ctx, caller.Tenant, p.User, p.Conversation, maxFlush)
	if err != nil {
		return err
	}
	var ids []core.InteractionID
	for _, e := range entries {
		if !e.AcceptedAt.After(cutoff) {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err = s.deleteBuffered(ctx, caller, p.User, p.Conversation, ids, core.EventMemoryExpired)
	return err
}

// gone lets background work pass over what was deleted meanwhile.
func gone(err error) error {
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	return err
}
