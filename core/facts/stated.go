package facts

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// NewFact is what a caller states: a text, and what else it knows of it. Without
// an attribute the text is read by the rules.
type NewFact struct {
	Text      string
	ValidFrom *time.Time // nil: now
	Sources   []core.FactSource

	Subject   string // with Attribute and Value: what the text says
	Attribute string
	Value     string

	// An end that is past makes it history from the start: it takes no other
	// fact's place. Without one it ends as the fact that superseded it begins. One
	// that is not there superseded nothing: the fact holds as if none were named.
	ValidTo      *time.Time
	SupersededBy core.FactID
}

// named are the sources, taken in now as far as is known here.
func (n NewFact) named(now time.Time) []core.FactSource {
	list := slices.Clone(n.Sources)
	for i := range list {
		list[i].TakenAt = now
	}
	return list
}

func (n NewFact) check(now time.Time) error {
	var bad []core.FieldError
	wrong := func(location, msg string) {
		if msg != "" {
			bad = append(bad, core.FieldError{Location: location, Message: msg})
		}
	}
	wrong("text", core.CheckFact(n.Text))
	for location, text := range map[string]string{"subject": n.Subject, "attribute": n.Attribute, "value": n.Value} {
		if text != "" {
			wrong(location, core.CheckFact(text))
		}
	}
	begins := now
	if n.ValidFrom != nil {
		begins = *n.ValidFrom
	}
	switch {
	case (n.Attribute == "") != (n.Value == ""):
		wrong("attribute", "goes with value; give both or neither")
	case n.ValidTo != nil && n.ValidTo.Before(begins):
		wrong("valid_to", "must not be before valid_from, which is now where it is left out")
	case len(n.Sources) > core.MaxFactSources:
		wrong("sources", "must not be more than 20")
	}
	if len(bad) > 0 {
		return core.InvalidFields(bad)
	}
	return nil
}

// candidate is what the fact says, as an extractor would give it.
func (n NewFact) candidate(now time.Time) core.FactCandidate {
	c := read(n.Text)
	if n.Attribute != "" && (n.Attribute != c.Attribute || n.Value != c.Value) {
		c = core.FactCandidate{Attribute: n.Attribute, Value: n.Value, Text: n.Text, Single: single(n.Attribute)}
	}
	switch {
	case n.Subject != "":
		c.Subject = n.Subject
	case c.Subject == "":
		c.Subject = "user"
	}
	c.ValidFrom = now
	if n.ValidFrom != nil {
		c.ValidFrom = n.ValidFrom.UTC().Truncate(time.Millisecond)
	}
	if n.ValidTo != nil {
		until := n.ValidTo.UTC().Truncate(time.Millisecond)
		c.ValidTo = &until
	}
	return c
}

// single reports whether the rules know the attribute as one of which there is
// one at a time.
func single(attribute string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.attribute == attribute && r.single })
}

// successor gives the fact that took a stated one's place, and ends that one as
// it begins where nothing else is said. None where it is not there.
func (s *Service) successor(ctx context.Context, caller core.Caller, user core.UserID, n NewFact, c *core.FactCandidate) (core.Fact, error) {
	if n.SupersededBy == "" {
		return core.Fact{}, nil
	}
	by, err := s.find(ctx, caller, user, n.SupersededBy)
	switch {
	case core.Is(err, core.CodeNotFound):
		return core.Fact{}, nil
	case err == nil && c.ValidTo == nil:
		until := later(by.ValidFrom, c.ValidFrom)
		c.ValidTo = &until
	}
	return by.Fact, err
}

// addHistory keeps a fact that holds no more; one that is there already is
// returned.
func (s *Service) addHistory(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, n NewFact, c core.FactCandidate, by core.Fact, now time.Time) (core.Fact, error) {
	all, err := s.load(ctx, caller.Tenant, user)
	if err != nil {
		return core.Fact{}, err
	}
	for _, h := range all {
		if !h.running(now) && h.Text == c.Text && h.ValidFrom.Equal(c.ValidFrom) {
			return h.Fact, nil
		}
	}
	key, err := s.Seal.Hash(ctx, caller.Tenant, "fact", string(user)+"\x00"+topic(c))
	if err != nil {
		return core.Fact{}, err
	}
	h := held{key: key, Fact: core.Fact{
		ID: s.IDs.Fact(), Text: c.Text, Subject: c.Subject, Attribute: c.Attribute, Value: c.Value,
		ValidFrom: c.ValidFrom, ValidTo: c.ValidTo, SupersededBy: by.ID, Sources: n.named(now), Version: 1, CreatedAt: now,
	}}
	if by.ID == "" || !by.ValidFrom.Equal(*c.ValidTo) {
		h.until = c.ValidTo
	}
	record, err := s.seal(ctx, caller.Tenant, user, h, now)
	if err != nil {
		return core.Fact{}, err
	}
	return h.Fact, s.write(ctx, caller, op, core.FactStep{User: user, Added: []core.BlobRecord{record}, Events: []core.Event{
		s.event(caller, core.EventFactCreated, core.EventData{"user_id": string(user), "fact_id": string(h.ID)}),
	}})
}
