package facts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// Add keeps a fact that a caller states. Where its text says something of which
// there is one at a time, the fact before it is superseded; where it says what
// is known already, that fact is returned. One that holds no more goes to the
// others of its kind. It needs memory:write.
func (s *Service) Add(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, n NewFact) (core.Fact, error) {
	if err := caller.Require(core.ScopeMemoryWrite); err != nil {
		return core.Fact{}, err
	}
	if err := n.check(); err != nil {
		return core.Fact{}, err
	}
	now := s.Clock.Now().UTC().Truncate(time.Millisecond)
	c := n.candidate(now)
	if n.history() {
		return s.addHistory(ctx, caller, op, user, n, c, now)
	}
	return s.keep(ctx, caller, op, user, c, n.named(now), now)
}

// read gives what a stated text says: by the rules where they find one thing in
// it, else the text alone.
func read(text string) core.FactCandidate {
	found := Rules{}.Extract(core.Interaction{Role: core.RoleUser, Content: text})
	if len(found) == 1 {
		c := found[0]
		c.Text = text
		return c
	}
	return core.FactCandidate{Subject: "user", Text: text}
}

// Learn keeps what the extractor finds in interactions. Done twice it changes
// nothing, because what is known already only gains a source. It reports whether
// there was something, which may be kept also when it fails.
func (s *Service) Learn(ctx context.Context, caller core.Caller, user core.UserID, list []core.Interaction) (some bool, err error) {
	if s.Extract == nil || len(list) == 0 {
		return false, nil
	}
	found, err := s.Extract.Extract(ctx, list)
	if err != nil || len(found) == 0 {
		return false, err
	}
	of := map[core.InteractionID]core.Interaction{}
	for _, in := range list {
		of[in.ID] = in
	}
	for _, c := range found {
		in, ok := of[c.Source]
		if !ok {
			continue
		}
		from := []core.FactSource{{Conversation: in.Conversation, Interaction: in.ID, TakenAt: in.AcceptedAt}}
		if _, err := s.keep(ctx, caller, core.Op{}, user, c, from, in.AcceptedAt); err != nil {
			return true, err
		}
	}
	return true, nil
}

// keep adds a candidate to what is known of the user.
func (s *Service) keep(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, c core.FactCandidate, from []core.FactSource, takenAt time.Time) (kept core.Fact, err error) {
	key, err := s.Seal.Hash(ctx, caller.Tenant, "fact", string(user)+"\x00"+topic(c))
	if err != nil {
		return core.Fact{}, err
	}
	err = retry(func() error {
		all, err := s.load(ctx, caller.Tenant, user)
		if err != nil {
			return err
		}
		var holder *held
		for i := range all {
			if all[i].key == key && all[i].current() {
				holder = &all[i]
			}
		}
		if holder != nil && sameText(holder.Fact, c) {
			kept, err = s.confirm(ctx, caller, op, user, *holder, from, takenAt)
			return err
		}
		kept, err = s.add(ctx, caller, op, user, c, key, holder, from, takenAt)
		return err
	})
	return kept, err
}

// topic is what only one fact may say at a time.
func topic(c core.FactCandidate) string {
	value := fold(c.Value)
	switch {
	case c.Attribute == "":
		return "text\x00" + fold(c.Text)
	case c.Single:
		value = ""
	case c.Attribute == "likes" || c.Attribute == "dislikes":
		return "taste\x00" + fold(c.Subject) + "\x00" + value
	}
	return c.Attribute + "\x00" + fold(c.Subject) + "\x00" + value
}

func fold(text string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.Trim(text, " .!,;:")), " "))
}

// sameText reports whether a fact says what a candidate says.
func sameText(f core.Fact, c core.FactCandidate) bool {
	if c.Attribute == "" {
		return f.Attribute == ""
	}
	return f.Attribute == c.Attribute && fold(f.Value) == fold(c.Value)
}

// confirm adds the sources to a fact that was said again.
func (s *Service) confirm(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, h held, from []core.FactSource, takenAt time.Time) (core.Fact, error) {
	fresh := slices.DeleteFunc(slices.Clone(from), func(f core.FactSource) bool { return slices.ContainsFunc(h.Sources, f.Same) })
	if len(fresh) == 0 {
		return h.Fact, nil
	}
	was := h.Version
	h.Version++
	h.Sources = append(slices.Clone(h.Sources), fresh...)
	h.Sources = h.Sources[max(0, len(h.Sources)-core.MaxFactSources):]
	record, err := s.seal(ctx, caller.Tenant, user, h, later(takenAt, h.record.LastTakenAt))
	if err != nil {
		return core.Fact{}, err
	}
	return h.Fact, s.write(ctx, caller, op, core.FactStep{User: user, Rewritten: []core.FactRewrite{{New: record, IfVersion: was}}})
}

// add keeps a new fact. What it says in the place of another ends that one; one
// from before the holder's time is history at once.
func (s *Service) add(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, c core.FactCandidate, key string, holder *held, from []core.FactSource, takenAt time.Time) (core.Fact, error) {
	h := held{key: key, Fact: core.Fact{
		ID: s.IDs.Fact(), Text: c.Text, Subject: c.Subject, Attribute: c.Attribute, Value: c.Value,
		ValidFrom: c.ValidFrom, Sources: from, Version: 1, CreatedAt: s.Clock.Now().UTC().Truncate(time.Millisecond),
	}}
	step := core.FactStep{User: user, Events: []core.Event{s.event(caller, core.EventFactCreated, core.EventData{
		"user_id": string(user), "fact_id": string(h.ID),
	})}}
	switch {
	case holder == nil:
		step.Keys = []core.FactKeyMove{{Key: key, Now: core.FactBlob(h.ID)}}
	case h.ValidFrom.Before(holder.ValidFrom):
		until := holder.ValidFrom
		h.ValidTo, h.SupersededBy = &until, holder.ID
	default:
		old, err := s.supersede(ctx, caller.Tenant, user, *holder, h.Fact)
		if err != nil {
			return core.Fact{}, err
		}
		step.Rewritten = append(step.Rewritten, old)
		step.Keys = []core.FactKeyMove{{Key: key, Was: core.FactBlob(holder.ID), Now: core.FactBlob(h.ID)}}
		step.Events = append(step.Events, s.event(caller, core.EventFactSuperseded, core.EventData{
			"user_id": string(user), "fact_id": string(holder.ID), "superseded_by": string(h.ID),
		}))
	}
	record, err := s.seal(ctx, caller.Tenant, user, h, takenAt)
	if err != nil {
		return core.Fact{}, err
	}
	step.Added = []core.BlobRecord{record}
	return h.Fact, s.write(ctx, caller, op, step)
}

func (s *Service) supersede(ctx context.Context, tenant core.TenantID, user core.UserID, old held, by core.Fact) (core.FactRewrite, error) {
	was, until := old.Version, by.ValidFrom
	old.Version++
	old.ValidTo, old.SupersededBy = &until, by.ID
	record, err := s.seal(ctx, tenant, user, old, old.record.LastTakenAt)
	return core.FactRewrite{New: record, IfVersion: was}, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
