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
		all, err := s.load(ctx, caller.Tenant, user)
		if err != nil {
			return err
		}
		at := s.at(caller, all, id)
		if at < 0 {
			return core.NotFound()
		}
		out, err = s.update(ctx, caller, user, all, all[at], p)
		return err
	})
	return out, err
}

func (s *Service) update(ctx context.Context, caller core.Caller, user core.UserID, all []held, h held, p Patch) (core.Fact, error) {
	was, changed := h, false
	if p.Text != nil && *p.Text != h.Text {
		if err := s.reword(ctx, caller.Tenant, user, &h, *p.Text); err != nil {
			return core.Fact{}, err
		}
		changed = true
	}
	if p.ValidTo.Set && (!sameTime(p.ValidTo.Value, h.ValidTo) || p.ValidTo.Value == nil && h.SupersededBy != "") {
		if err := h.end(p.ValidTo.Value); err != nil {
			return core.Fact{}, err
		}
		changed = true
	}
	if !changed {
		return h.Fact, nil
	}
	if h.key != was.key || p.ValidTo.Set {
		if err := clash(all, h, s.Clock.Now()); err != nil {
			return core.Fact{}, err
		}
	}
	h.Version++
	record, err := s.seal(ctx, caller.Tenant, user, h, h.record.LastTakenAt)
	if err != nil {
		return core.Fact{}, err
	}
	return h.Fact, s.write(ctx, caller, core.Op{}, core.FactStep{
		User: user, Rewritten: []core.FactRewrite{{New: record, IfVersion: was.Version}}, Keys: moves(was, h),
		Events: []core.Event{s.updated(caller, user, h.ID)},
	})
}

func (s *Service) updated(caller core.Caller, user core.UserID, id core.FactID) core.Event {
	return s.event(caller, core.EventFactUpdated, core.EventData{"user_id": string(user), "fact_id": string(id)})
}

// end is somebody's word on until when a fact holds. nil: no end is known, and
// nothing superseded it.
func (h *held) end(at *time.Time) error {
	if at != nil && at.Before(h.ValidFrom) {
		return core.Invalid("valid_to", "must not be before valid_from, "+h.ValidFrom.Format(time.RFC3339Nano), nil)
	}
	h.ValidTo, h.until = at, at
	if at == nil {
		h.SupersededBy = ""
	}
	return nil
}

// clash refuses a fact that would hold while another one of its topic does.
func clash(all []held, h held, now time.Time) error {
	for _, other := range all {
		if other.key != h.key || other.ID == h.ID || !h.running(now) || !other.running(now) {
			continue
		}
		begins := later(h.ValidFrom, other.ValidFrom)
		if Holds(h.Fact, begins) && Holds(other.Fact, begins) {
			err := core.NewError(core.CodeVersionConflict, "The fact %s says something of the same matter for the same time. Delete it or end it, or this one.", other.ID)
			err.ExistingID = string(other.ID)
			return err
		}
	}
	return nil
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

// Delete forgets a fact; what it had superseded holds again. It needs
// memory:write.
func (s *Service) Delete(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID) error {
	if err := caller.Require(core.ScopeMemoryWrite); err != nil {
		return err
	}
	return retry(func() error {
		all, err := s.load(ctx, caller.Tenant, user)
		if err != nil {
			return err
		}
		at := s.at(caller, all, id)
		if at < 0 {
			return core.NotFound()
		}
		lost, rest := without(all, at)
		return s.remove(ctx, caller, user, core.EventMemoryDeleted, lost, rest)
	})
}

// remove deletes facts and rewrites those of the others that changed, in one
// step. What they had superseded holds again, unless they expired: that takes
// nothing back.
func (s *Service) remove(ctx context.Context, caller core.Caller, user core.UserID, kind core.EventType, lost []held, rest left) error {
	step := core.FactStep{User: user}
	if len(lost) > 0 {
		step.Events = append(step.Events, s.event(caller, kind, core.EventData{"user_id": string(user), "facts": int64(len(lost))}))
	}
	if kind == core.EventMemoryDeleted {
		var again []*held
		again, step.Keys = rest.revive(lost)
		for _, h := range again {
			step.Events = append(step.Events, s.updated(caller, user, h.ID))
		}
	}
	for _, h := range rest.facts {
		if !rest.changed[h.ID] {
			continue
		}
		was := h.Version
		h.Version++
		record, err := s.seal(ctx, caller.Tenant, user, h, h.record.LastTakenAt)
		if err != nil {
			return err
		}
		step.Rewritten = append(step.Rewritten, core.FactRewrite{New: record, IfVersion: was})
	}
	for _, h := range lost {
		step.Deleted = append(step.Deleted, core.FactDelete{ID: h.record.ID, IfVersion: h.Version})
	}
	if len(step.Deleted)+len(step.Rewritten) == 0 {
		return nil
	}
	return s.write(ctx, caller, core.Op{}, step)
}

// Unlearn forgets what rests on interactions that are about to be forgotten and
// on nothing else, not on somebody's word either; from the others it takes the
// sources, and they last as long as the newest that is left. It is called before
// the interactions go, so that a crash in between leaves no fact without its
// source.
func (s *Service) Unlearn(ctx context.Context, caller core.Caller, user core.UserID, gone func(core.FactSource) bool) error {
	return s.forget(ctx, caller, user, core.EventMemoryDeleted, func(h *held) (lost, changed bool) {
		if len(h.Sources) == 0 {
			return false, false
		}
		kept := slices.DeleteFunc(slices.Clone(h.Sources), gone)
		lost, changed = len(kept) == 0 && h.stated.IsZero(), len(kept) < len(h.Sources)
		if changed {
			h.Sources, h.record.LastTakenAt = kept, later(newest(kept), h.stated)
		}
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
		rest := left{changed: map[core.FactID]bool{}}
		for _, h := range all {
			gone, changed := look(&h)
			if gone {
				lost = append(lost, h)
				continue
			}
			rest.facts = append(rest.facts, h)
			if changed {
				rest.changed[h.ID] = true
			}
		}
		return s.remove(ctx, caller, user, kind, lost, rest)
	})
}

// newest is when the latest of sources was taken in.
func newest(sources []core.FactSource) (at time.Time) {
	for _, from := range sources {
		at = later(at, from.TakenAt)
	}
	return at
}
