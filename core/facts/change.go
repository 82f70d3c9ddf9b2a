package facts

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// Patch changes a fact.
type Patch struct {
	Text    *string
	ValidTo core.Patch[time.Time]
}

// Update corrects a fact in place: its text, or until when it holds. It needs
// memory:write.
func (s *Service) Update(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID, p Patch) (out core.Fact, err error) {
	if err := caller.Require(core.ScopeMemoryWrite); err != nil {
		return out, err
	}
	if p.Text != nil {
		if msg := core.CheckFact(*p.Text); msg != "" {
			return out, core.Invalid("text", msg, nil)
		}
	}
	err = retry(func() error {
		h, err := s.find(ctx, caller, user, id)
		if err != nil {
			return err
		}
		out, err = s.update(ctx, caller, user, h, p)
		return err
	})
	return out, err
}

func (s *Service) update(ctx context.Context, caller core.Caller, user core.UserID, h held, p Patch) (core.Fact, error) {
	was, changed := h, false
	if p.Text != nil && *p.Text != h.Text {
		if err := s.reword(ctx, caller.Tenant, user, &h, *p.Text); err != nil {
			return core.Fact{}, err
		}
		changed = true
	}
	if p.ValidTo.Set && !sameTime(p.ValidTo.Value, h.ValidTo) {
		if p.ValidTo.Value != nil && p.ValidTo.Value.Before(h.ValidFrom) {
			return core.Fact{}, core.Invalid("valid_to", "must not be before valid_from, "+h.ValidFrom.Format(time.RFC3339Nano), nil)
		}
		h.ValidTo = p.ValidTo.Value
		changed = true
	}
	if !changed {
		return h.Fact, nil
	}
	h.Version++
	record, err := s.seal(ctx, caller.Tenant, user, h, h.record.LastTakenAt)
	if err != nil {
		return core.Fact{}, err
	}
	return h.Fact, s.write(ctx, caller, core.Op{}, core.FactStep{
		User: user, Rewritten: []core.FactRewrite{{New: record, IfVersion: was.Version}}, Keys: moves(was, h),
	})
}

// moves gives up the key that a fact held, and takes the one that it is to hold.
func moves(was, now held) (list []core.FactKeyMove) {
	same := was.key == now.key
	if was.current() && !(same && now.current()) {
		list = append(list, core.FactKeyMove{Key: was.key, Was: core.FactBlob(was.ID)})
	}
	if now.current() && !(same && was.current()) {
		list = append(list, core.FactKeyMove{Key: now.key, Now: core.FactBlob(now.ID)})
	}
	return list
}

// reword gives a fact another text, and what that says. What is known of who it
// is about stays.
func (s *Service) reword(ctx context.Context, tenant core.TenantID, user core.UserID, h *held, text string) error {
	c := read(text)
	c.Subject = h.Subject
	key, err := s.Seal.Hash(ctx, tenant, "fact", string(user)+"\x00"+topic(c))
	if err != nil {
		return err
	}
	h.Text, h.Attribute, h.Value, h.key = text, c.Attribute, c.Value, key
	return nil
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// Delete forgets a fact. It needs memory:write.
func (s *Service) Delete(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID) error {
	if err := caller.Require(core.ScopeMemoryWrite); err != nil {
		return err
	}
	return retry(func() error {
		h, err := s.find(ctx, caller, user, id)
		if err != nil {
			return err
		}
		return s.remove(ctx, caller, user, core.EventMemoryDeleted, []held{h})
	})
}

// remove deletes facts in one step.
func (s *Service) remove(ctx context.Context, caller core.Caller, user core.UserID, kind core.EventType, list []held) error {
	step := core.FactStep{User: user, Events: []core.Event{s.event(caller, kind, core.EventData{
		"user_id": string(user), "facts": int64(len(list)),
	})}}
	for _, h := range list {
		step.Deleted = append(step.Deleted, core.FactDelete{ID: h.record.ID, IfVersion: h.Version})
	}
	return s.write(ctx, caller, core.Op{}, step)
}

// Unlearn forgets what rests on interactions that are about to be forgotten and
// on nothing else; from the others it takes the sources, and they last as long as
// the newest that is left. It is called before the interactions go, so that a
// crash in between leaves no fact without its source.
func (s *Service) Unlearn(ctx context.Context, caller core.Caller, user core.UserID, gone func(core.FactSource) bool) error {
	return s.forget(ctx, caller, user, core.EventMemoryDeleted, func(h *held) (lost, changed bool) {
		if len(h.Sources) == 0 {
			return false, false
		}
		kept := slices.DeleteFunc(slices.Clone(h.Sources), gone)
		lost, changed = len(kept) == 0, len(kept) < len(h.Sources)
		h.Sources = kept
		return lost, changed
	})
}

// Expire forgets the facts that nothing accepted after the cutoff supports.
func (s *Service) Expire(ctx context.Context, caller core.Caller, user core.UserID, cutoff time.Time) error {
	return s.forget(ctx, caller, user, core.EventMemoryExpired, func(h *held) (lost, changed bool) {
		return !h.record.LastTakenAt.After(cutoff), false
	})
}

// forget deletes the facts that look calls lost and rewrites those that it changed.
func (s *Service) forget(ctx context.Context, caller core.Caller, user core.UserID, kind core.EventType, look func(*held) (lost, changed bool)) error {
	return retry(func() error {
		all, err := s.load(ctx, caller.Tenant, user)
		if err != nil {
			return err
		}
		var lost []held
		var rewritten []core.FactRewrite
		for _, h := range all {
			was := h.Version
			gone, changed := look(&h)
			switch {
			case gone:
				lost = append(lost, h)
			case changed:
				h.Version++
				record, err := s.seal(ctx, caller.Tenant, user, h, newest(h.Sources))
				if err != nil {
					return err
				}
				rewritten = append(rewritten, core.FactRewrite{New: record, IfVersion: was})
			}
		}
		return s.settle(ctx, caller, user, kind, lost, rewritten)
	})
}

// newest is when the latest of sources was taken in.
func newest(sources []core.FactSource) (at time.Time) {
	for _, from := range sources {
		at = later(at, from.TakenAt)
	}
	return at
}

func (s *Service) settle(ctx context.Context, caller core.Caller, user core.UserID, kind core.EventType, lost []held, rewritten []core.FactRewrite) error {
	if len(rewritten) > 0 {
		if err := s.write(ctx, caller, core.Op{}, core.FactStep{User: user, Rewritten: rewritten}); err != nil {
			return err
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return s.remove(ctx, caller, user, kind, lost)
}
