// Package memory takes interactions in, buffers them, seals them into blobs,
// reads them back in order, and forgets them.
package memory

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type sealer interface {
	Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
}

// follower brings what this process keeps in memory of a user up to date, so
// that what was forgotten is gone from there too.
type follower interface {
	Follow(ctx context.Context, tenant core.TenantID, user core.UserID)
}

// Store is every store port that memory needs.
type Store interface {
	ports.Buffer
	ports.Memories
	ports.Forgetting
}

// tenants is what background work needs to know of tenants.
type tenants interface {
	Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error)
	TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)
}

// Deps are what the service works with.
type Deps struct {
	Store   Store
	Tenants tenants
	Seal    sealer
	Facts   facts
	Index   follower
	Clock   ports.Clock
	IDs     *core.IDs
	Cursors *core.Cursors

	// Heard is handed what was taken in, after it was acknowledged to the store,
	// and must not keep the caller waiting. Nil: nobody listens.
	Heard func(caller core.Caller, user core.UserID, list []core.Interaction)

	// Report is told of failures that no caller hears of.
	Report func(ctx context.Context, doing string, err error)
}

// Service is safe for concurrent use.
type Service struct {
	Deps
	ends core.Recent[place, end]
}

// New makes the service.
func New(deps Deps) *Service {
	return &Service{Deps: deps, ends: core.Recent[place, end]{Keep: endsKept}}
}

// maxTries bounds how often a step is tried again because another one changed
// the same thing in between.
const maxTries = 16

func (s *Service) event(caller core.Caller, kind core.EventType, data core.EventData) core.Event {
	return core.Event{
		ID: s.IDs.Event(), Type: kind, At: s.Clock.Now(),
		Tenant: caller.Tenant, Actor: caller.Actor(), Data: data,
	}
}

func (s *Service) openBlob(ctx context.Context, tenant core.TenantID, b core.BlobRecord) ([]core.Interaction, error) {
	plain, err := s.Seal.Open(ctx, core.BlobPlace(tenant, b), b.Sealed)
	if err != nil {
		return nil, err
	}
	return b.InteractionsOf(plain)
}

func (s *Service) openEntry(ctx context.Context, tenant core.TenantID, user core.UserID, e core.BufferEntry) (core.Interaction, error) {
	plain, err := s.Seal.Open(ctx, core.InteractionPlace(tenant, user, e.Conversation, e.ID), e.Sealed)
	if err != nil {
		return core.Interaction{}, err
	}
	return e.Interaction(plain)
}

func (s *Service) openEntries(ctx context.Context, tenant core.TenantID, user core.UserID, entries []core.BufferEntry) ([]core.Interaction, error) {
	list := make([]core.Interaction, 0, len(entries))
	for _, e := range entries {
		in, err := s.openEntry(ctx, tenant, user, e)
		if err != nil {
			return nil, err
		}
		list = append(list, in)
	}
	return list, nil
}

// live leaves what has not expired.
func (s *Service) live(caller core.Caller, list []core.Interaction) []core.Interaction {
	cutoff := caller.Settings.RetentionCutoff(s.Clock.Now())
	kept := make([]core.Interaction, 0, len(list))
	for _, in := range list {
		if in.AcceptedAt.After(cutoff) {
			kept = append(kept, in)
		}
	}
	return kept
}
