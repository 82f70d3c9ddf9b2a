package facts

import (
	"context"
	"errors"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type sealer interface {
	Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
	Hash(ctx context.Context, tenant core.TenantID, domain, value string) (string, error)
}

// follower brings what this process keeps in memory of a user up to date.
type follower interface {
	Follow(ctx context.Context, tenant core.TenantID, user core.UserID)
}

// Extractor finds facts in what was said.
type Extractor interface {
	Extract(ctx context.Context, list []core.Interaction) ([]core.FactCandidate, error)
}

// Deps are what the service works with.
type Deps struct {
	Store   ports.Facts
	Seal    sealer
	Index   follower
	Extract Extractor // nil: facts come from callers alone
	Clock   ports.Clock
	IDs     *core.IDs
	Cursors *core.Cursors
}

// Service is safe for concurrent use.
type Service struct{ Deps }

// New makes the service.
func New(deps Deps) *Service { return &Service{Deps: deps} }

// maxTries bounds how often a step is tried again because another one changed
// the same thing in between.
const maxTries = 16

// loadPage is how many facts are read at a time.
const loadPage = 500

func (s *Service) event(caller core.Caller, kind core.EventType, data core.EventData) core.Event {
	return core.Event{
		ID: s.IDs.Event(), Type: kind, At: s.Clock.Now(),
		Tenant: caller.Tenant, Actor: caller.Actor(), Data: data,
	}
}

// write does a step and shows it to this process's index.
func (s *Service) write(ctx context.Context, caller core.Caller, op core.Op, step core.FactStep) error {
	err := s.commit(ctx, caller, op, step)
	if err == nil {
		s.Index.Follow(ctx, caller.Tenant, step.User)
	}
	return err
}

// commit does a step. The caller shows it to this process's index, which reads
// all facts for that.
func (s *Service) commit(ctx context.Context, caller core.Caller, op core.Op, step core.FactStep) error {
	step.Max, step.At = core.MaxFactsPerUser, s.Clock.Now()
	return s.Store.WriteFacts(ctx, caller.Tenant, op, step)
}

// retry tries a step again that others were faster than. A conflict with what is
// there, and named, is none that trying again resolves.
func retry(step func() error) error {
	for range maxTries {
		err := step()
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeVersionConflict || e.ExistingID != "" {
			return err
		}
	}
	return core.NewError(core.CodeVersionConflict, "Others changed the same thing at the same time. Try again.")
}
