package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// The names of the sinks.
const (
	LogSink        = "audit"
	CheckpointSink = "checkpoints"
)

type drainer interface {
	// Drain hands a sink all of a tenant's events that are recorded when it is
	// called.
	Drain(ctx context.Context, tenant core.TenantID, sink string) error
}

// Deps are what the service works with.
type Deps struct {
	Log      ports.AuditLog
	Recorder ports.Recorder
	Relay    drainer
	Signer   *Signer
	Clock    ports.Clock
	IDs      *core.IDs
	Cursors  *core.Cursors

	// Earlier is the log that the deployment had before it had Log. Nil for none.
	Earlier ports.AuditLog

	// Publish is handed each checkpoint before the log has it, for a copy where
	// who can change the log can't change it. Nil for none. Its error makes the
	// checkpoint be signed and published again.
	Publish func(tenant core.TenantID, note []byte) error
}

// Service fills the log, reads it, and notes what belongs to no step. Safe for
// concurrent use.
type Service struct {
	Deps
	opt      Options
	refusals refusals
}

// Options are the operator's choices. Zero values take the defaults.
type Options struct {
	Reads           bool          // note every read of memory, of tenants that did not ask too
	CheckpointAge   time.Duration // of the oldest event without a checkpoint; 50 s
	CheckpointAfter int64         // events without one; 1000
}

// New makes the service.
func New(deps Deps, opt Options) *Service {
	if opt.CheckpointAge <= 0 {
		opt.CheckpointAge = 50 * time.Second
	}
	if opt.CheckpointAfter <= 0 {
		opt.CheckpointAfter = 1000
	}
	return &Service{Deps: deps, opt: opt, refusals: newRefusals()}
}

// Query selects events of a list. Zero values select all.
type Query struct {
	Since, Until time.Time // Since <= At < Until
	Type         core.EventType
	Actor        string // a key's id, or SystemActor
}

// Types lists the types of event that a log may have.
func Types() []core.EventType {
	return []core.EventType{
		core.EventTenantCreated, core.EventTenantDeleted, core.EventTenantSuspended, core.EventTenantResumed, core.EventSettingsUpdated,
		core.EventKeyCreated, core.EventKeyRotated, core.EventKeyRevoked,
		core.EventUserCreated, core.EventUserUpdated, core.EventUserDeleted,
		core.EventConversationCreated, core.EventConversationUpdated, core.EventConversationClosed,
		core.EventMemoryFlushed, core.EventMemoryExpired, core.EventMemoryDeleted,
		core.EventFactCreated, core.EventFactUpdated, core.EventFactSuperseded, core.EventQuotaExhausted,
		core.EventEncryptionRotated, core.EventKeyUnavailable, core.EventAuthFailed, core.EventMemoryRead,
	}
}

// SystemActor is the actor of what no API key caused.
const SystemActor = "system"

// name tells cursors of one query from those of another.
func (q Query) name() string {
	text := "audit"
	for _, part := range []string{stamp(q.Since), stamp(q.Until), string(q.Type), q.Actor} {
		text += "\x00" + part
	}
	return text
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixNano(), 10)
}

// List pages through the events of the caller's tenant, newest first, with what
// the caller did before among them. It needs the scope tenant:admin.
// CodeUnavailable when the log can't be reached.
func (s *Service) List(ctx context.Context, caller core.Caller, q Query, cursor string, limit int) (core.List[core.Event], error) {
	var list core.List[core.Event]
	if err := caller.Require(core.ScopeTenantAdmin); err != nil {
		return list, err
	}
	before, err := s.Cursors.Decode(caller.Tenant, q.name(), cursor)
	if err != nil {
		return list, err
	}
	if err := s.catchUp(ctx, caller.Tenant, LogSink); err != nil {
		return list, err
	}
	found, err := s.Log.FindAudit(ctx, caller.Tenant, core.AuditQuery{
		Since: q.Since, Until: q.Until, Type: q.Type, Actor: q.Actor, Before: before, Limit: limit + 1,
	})
	if err != nil {
		return list, err
	}
	if len(found) > limit {
		found = found[:limit]
		list.Next = s.Cursors.Encode(caller.Tenant, q.name(), found[limit-1].Event.Seq)
	}
	list.Items = make([]core.Event, 0, len(found))
	for _, e := range found {
		list.Items = append(list.Items, e.Event)
	}
	return list, nil
}

// Checkpoint is the latest signed note of the caller's tenant. CodeNotFound
// before the first. It needs the scope tenant:admin.
func (s *Service) Checkpoint(ctx context.Context, caller core.Caller) (core.Checkpoint, error) {
	if err := caller.Require(core.ScopeTenantAdmin); err != nil {
		return core.Checkpoint{}, err
	}
	for _, sink := range []string{LogSink, CheckpointSink} {
		if err := s.catchUp(ctx, caller.Tenant, sink); err != nil {
			return core.Checkpoint{}, err
		}
	}
	return s.Log.LastCheckpoint(ctx, caller.Tenant)
}

// catchUp drains for a reader. A log that somebody changed can still be read.
func (s *Service) catchUp(ctx context.Context, tenant core.TenantID, sink string) error {
	if err := s.flush(ctx, func(of core.TenantID) bool { return of == tenant }, true); err != nil {
		return err
	}
	err := s.Relay.Drain(ctx, tenant, sink)
	if errors.Is(err, core.ErrAuditFork) || errors.As(err, new(notDueError)) {
		return nil
	}
	return err
}

// fork says where a log and the events part.
func fork(tenant core.TenantID, seq int64, why string) error {
	return fmt.Errorf("audit log of %s, seq %d: %s: %w", tenant, seq, why, core.ErrAuditFork)
}
