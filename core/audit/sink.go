package audit

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Log is the sink that fills the log.
type Log struct{ s *Service }

// LogSink is the sink that fills the log.
func (s *Service) LogSink() Log { return Log{s} }

// Name is the sink's.
func (Log) Name() string { return LogSink }

// Deliver adds the tenant's events, ascending and without gaps, to its log.
// Those that are there already must be the same. It fails with
// core.ErrAuditFork when the log is not the one that the events before went to.
func (l Log) Deliver(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	if len(events) == 0 {
		return nil
	}
	head, err := l.s.Log.AuditHead(ctx, tenant)
	if err != nil {
		return err
	}
	if known := min(head.Seq-events[0].Seq+1, int64(len(events))); known > 0 {
		if err := l.same(ctx, tenant, events[:known]); err != nil {
			return err
		}
		events = events[known:]
	}
	if len(events) == 0 {
		return nil
	}
	if events[0].Seq > head.Seq+1 && l.s.Earlier != nil {
		if err := l.s.carry(ctx, tenant); err != nil {
			return err
		}
		if head, err = l.s.Log.AuditHead(ctx, tenant); err != nil {
			return err
		}
	}
	if events[0].Seq != head.Seq+1 {
		return fork(tenant, head.Seq+1, "is missing")
	}
	entries, head, err := l.s.entries(head, events)
	if err != nil {
		return err
	}
	return l.s.Log.AppendAudit(ctx, tenant, entries, head)
}

// same holds events that were delivered before against their entries.
func (l Log) same(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	found, err := l.s.Log.AuditEntries(ctx, tenant, events[0].Seq-1, len(events))
	if err != nil {
		return err
	}
	for i, e := range events {
		if i >= len(found) || found[i].Event.Seq != e.Seq {
			return fork(tenant, e.Seq, "is missing")
		}
		form, err := Canonical(e)
		if err != nil {
			return err
		}
		if found[i].Leaf != leafHash(form) {
			return fork(tenant, e.Seq, "is another event")
		}
	}
	return nil
}

// entries makes the entries that follow a head, and the head after them.
func (s *Service) entries(head core.AuditHead, events []core.Event) ([]core.AuditEntry, core.AuditHead, error) {
	t := tree{head.Seq, head.Tree}
	if !t.whole() {
		return nil, head, fork(events[0].Tenant, head.Seq, "the log's head is damaged")
	}
	now, chain := s.Clock.Now(), head.Chain
	list := make([]core.AuditEntry, 0, len(events))
	for _, e := range events {
		form, err := Canonical(e)
		if err != nil {
			return nil, head, err
		}
		leaf := leafHash(form)
		chain = chainHash(chain, leaf)
		t.add(leaf)
		list = append(list, core.AuditEntry{Event: e, Leaf: leaf, Chain: chain, Added: now})
	}
	return list, core.AuditHead{Seq: t.size, Chain: chain, Tree: t.roots}, nil
}

// Checkpoints is the sink that signs checkpoints.
type Checkpoints struct{ s *Service }

// CheckpointSink is the sink that signs checkpoints.
func (s *Service) CheckpointSink() Checkpoints { return Checkpoints{s} }

// Name is the sink's.
func (Checkpoints) Name() string { return CheckpointSink }

// notDueError says that the time for a checkpoint has not come.
type notDueError struct{ at time.Time }

func (notDueError) Error() string { return "audit: no checkpoint is due yet" }

// RetryAt is when it will have.
func (e notDueError) RetryAt() time.Time { return e.at }

const (
	// logWait is how long a checkpoint that is due waits for the log to have events.
	logWait = time.Second
	// countWait is how often the events without a checkpoint are counted.
	countWait = 5 * time.Second
)

// Deliver sees to it that a checkpoint covers the events. While none is due it
// fails with an error that has a method RetryAt, the time to ask again.
func (c Checkpoints) Deliver(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	if len(events) == 0 {
		return nil
	}
	last, err := c.s.Log.LastCheckpoint(ctx, tenant)
	if err != nil && !core.Is(err, core.CodeNotFound) {
		return err
	}
	for len(events) > 0 && events[0].Seq <= last.Seq {
		events = events[1:]
	}
	if len(events) == 0 {
		return nil
	}
	head, err := c.s.Log.AuditHead(ctx, tenant)
	if err != nil {
		return err
	}
	now := c.s.Clock.Now()
	if due := c.s.due(events[0], now); head.Seq-last.Seq < c.s.opt.CheckpointAfter && now.Before(due) {
		return notDueError{earlier(due, now.Add(countWait))}
	}
	if head.Seq > last.Seq {
		if err := c.s.sign(ctx, tenant, head, now); err != nil {
			return err
		}
	}
	if head.Seq < events[len(events)-1].Seq {
		return notDueError{now.Add(logWait)}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// due is when the event's checkpoint is. One from the future, where clocks were
// set back, does not wait for it.
func (s *Service) due(e core.Event, now time.Time) time.Time {
	if e.At.After(now) {
		return now
	}
	return e.At.Add(s.opt.CheckpointAge)
}

func (s *Service) sign(ctx context.Context, tenant core.TenantID, head core.AuditHead, now time.Time) error {
	t := tree{head.Seq, head.Tree}
	if !t.whole() {
		return fork(tenant, head.Seq, "the log's head is damaged")
	}
	note := s.Signer.sign(statement{origin(s.Signer.Key(), tenant), head.Seq, t.root()}.text())
	if s.Publish != nil {
		if err := s.Publish(tenant, note); err != nil {
			return err
		}
	}
	return s.Log.AddCheckpoint(ctx, tenant, core.Checkpoint{Seq: head.Seq, Note: note, At: now})
}
