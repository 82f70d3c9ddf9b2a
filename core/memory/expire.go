package memory

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Steps of one sweep. What is left waits for the next; it is hidden meanwhile.
const (
	sweepTenants = 500
	sweepPlaces  = 200
)

// Sweep removes what has expired, of every tenant, in bounded steps. It tells
// Report of what fails and goes on with the next tenant.
func (s *Service) Sweep(ctx context.Context) error {
	var after core.TenantID
	for {
		ids, err := s.Tenants.TenantIDs(ctx, after, sweepTenants)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := s.sweepTenant(ctx, id); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				s.Report(ctx, "removing expired memory", err)
			}
		}
		after = ids[len(ids)-1]
	}
}

func (s *Service) sweepTenant(ctx context.Context, id core.TenantID) error {
	caller, err := s.system(ctx, id)
	if err != nil {
		return gone(err)
	}
	cutoff := caller.Settings.RetentionCutoff(s.Clock.Now())
	if cutoff.IsZero() {
		return nil
	}
	places, err := s.Store.Expired(ctx, id, cutoff.Add(time.Millisecond), sweepPlaces)
	if err != nil {
		return gone(err)
	}
	for _, p := range places {
		if err := s.expire(ctx, caller, p, cutoff); err != nil {
			return err
		}
	}
	return nil
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
		err = s.thin(ctx, caller, core.BlobRecord{ID: p.Blob, User: p.User}, core.EventMemoryExpired,
			func(in core.Interaction) bool { return !in.AcceptedAt.After(cutoff) })
	}
	if core.Is(err, core.CodeVersionConflict) {
		return nil
	}
	return gone(err)
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
