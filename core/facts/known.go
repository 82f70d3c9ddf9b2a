package facts

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// known is what is known of a user while candidates are added to it: to open all
// of somebody's facts for each of them takes long.
type known struct {
	*Service
	caller core.Caller
	op     core.Op
	user   core.UserID
	all    []held // as the last step left it; nil before it is read
}

// keep adds a candidate.
func (k *known) keep(ctx context.Context, c core.FactCandidate, from []core.FactSource, takenAt time.Time) (kept core.Fact, err error) {
	key, err := k.Seal.Hash(ctx, k.caller.Tenant, "fact", string(k.user)+"\x00"+topic(c))
	if err != nil {
		return core.Fact{}, err
	}
	err = retry(func() error {
		if k.all == nil {
			if k.all, err = k.load(ctx, k.caller.Tenant, k.user); err != nil {
				return err
			}
		}
		now := k.Clock.Now()
		p := slotOf(k.all, key, c.ValidFrom, now)
		if said := p.says(c, now); said != nil {
			kept, err = k.confirm(ctx, said, from, takenAt)
		} else {
			kept, err = k.add(ctx, c, key, p, from, takenAt)
		}
		if err != nil {
			k.all = nil // others may have changed it
		}
		return err
	})
	return kept, err
}

// confirm adds the sources to a fact that was said again, or that it was stated
// without any.
func (k *known) confirm(ctx context.Context, h *held, from []core.FactSource, takenAt time.Time) (core.Fact, error) {
	fresh := slices.DeleteFunc(slices.Clone(from), func(f core.FactSource) bool { return slices.ContainsFunc(h.Sources, f.Same) })
	states := len(from) == 0 && h.stated.IsZero()
	if len(fresh) == 0 && !states {
		return h.Fact, nil
	}
	now := *h
	if states {
		now.stated = takenAt
	}
	now.Version++
	now.Sources = append(slices.Clone(h.Sources), fresh...)
	now.Sources = now.Sources[max(0, len(now.Sources)-core.MaxFactSources):]
	var err error
	if now.record, err = k.seal(ctx, k.caller.Tenant, k.user, now, later(takenAt, h.record.LastTakenAt)); err != nil {
		return core.Fact{}, err
	}
	step := core.FactStep{User: k.user, Rewritten: []core.FactRewrite{{New: now.record, IfVersion: h.Version}}}
	if err := k.commit(ctx, k.caller, k.op, step); err != nil {
		return core.Fact{}, err
	}
	*h = now
	return now.Fact, nil
}

// add keeps a new fact in its slot: those before it end as it begins, and it
// ends as the next begins, at the latest.
func (k *known) add(ctx context.Context, c core.FactCandidate, key string, p slot, from []core.FactSource, takenAt time.Time) (core.Fact, error) {
	h := held{until: c.ValidTo, key: key, Fact: core.Fact{
		ID: k.IDs.Fact(), Text: c.Text, Subject: c.Subject, Attribute: c.Attribute, Value: c.Value, ValidFrom: c.ValidFrom,
		ValidTo: c.ValidTo, Sources: from, Version: 1, CreatedAt: k.Clock.Now().UTC().Truncate(time.Millisecond),
	}}
	if len(from) == 0 {
		h.stated = takenAt
	}
	if p.after != nil {
		h.endBy(p.after.Fact)
	}
	step := core.FactStep{User: k.user, Events: []core.Event{k.event(k.caller, core.EventFactCreated, core.EventData{
		"user_id": string(k.user), "fact_id": string(h.ID),
	})}}
	move := core.FactKeyMove{Key: key}
	if h.current() {
		move.Now = core.FactBlob(h.ID)
	}
	ended := make([]held, len(p.before)) // what those before it are then
	var err error
	for i, before := range p.before {
		if before.current() {
			move.Was = core.FactBlob(before.ID)
		}
		if ended[i], err = k.supersede(ctx, &step, *before, h.Fact); err != nil {
			return core.Fact{}, err
		}
	}
	if move.Was != move.Now {
		step.Keys = []core.FactKeyMove{move}
	}
	if h.record, err = k.seal(ctx, k.caller.Tenant, k.user, h, takenAt); err != nil {
		return core.Fact{}, err
	}
	step.Added = []core.BlobRecord{h.record}
	if err := k.commit(ctx, k.caller, k.op, step); err != nil {
		return core.Fact{}, err
	}
	for i, before := range p.before {
		*before = ended[i]
	}
	k.all = append(k.all, h)
	return h.Fact, nil
}

// supersede ends a fact in the step that adds the one that takes its place.
func (k *known) supersede(ctx context.Context, step *core.FactStep, old held, by core.Fact) (held, error) {
	was, until := old.Version, by.ValidFrom
	old.Version++
	old.ValidTo, old.SupersededBy = &until, by.ID
	var err error
	if old.record, err = k.seal(ctx, k.caller.Tenant, k.user, old, old.record.LastTakenAt); err != nil {
		return held{}, err
	}
	step.Rewritten = append(step.Rewritten, core.FactRewrite{New: old.record, IfVersion: was})
	step.Events = append(step.Events, k.event(k.caller, core.EventFactSuperseded, core.EventData{
		"user_id": string(k.user), "fact_id": string(old.ID), "superseded_by": string(by.ID),
	}))
	return old, nil
}
