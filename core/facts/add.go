package facts

import (
	"context"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// Add keeps a fact that a caller states. Where its text says something of which
// there is one at a time, the fact before it holds until this one begins; where
// it says what is known already, that fact is returned. One that holds no more
// goes to the others of its kind. It needs memory:write.
func (s *Service) Add(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, n NewFact) (core.Fact, error) {
	if err := caller.Require(core.ScopeMemoryWrite); err != nil {
		return core.Fact{}, err
	}
	now := s.Clock.Now().UTC().Truncate(time.Millisecond)
	if err := n.check(now); err != nil {
		return core.Fact{}, err
	}
	c := n.candidate(now)
	by, err := s.successor(ctx, caller, user, n, &c)
	if err != nil {
		return core.Fact{}, err
	}
	if c.ValidTo != nil && !now.Before(*c.ValidTo) {
		return s.addHistory(ctx, caller, op, user, n, c, by, now)
	}
	k := known{Service: s, caller: caller, op: op, user: user}
	f, err := k.keep(ctx, c, n.named(now), now)
	if err == nil {
		s.Index.Follow(ctx, caller.Tenant, user)
	}
	return f, err
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
	k := known{Service: s, caller: caller, user: user}
	for _, c := range found {
		in, ok := of[c.Source]
		if !ok {
			continue
		}
		if c.ValidFrom.After(in.AcceptedAt) { // by a clock that is ahead
			c.ValidFrom = in.AcceptedAt
		}
		from := []core.FactSource{{Conversation: in.Conversation, Interaction: in.ID, TakenAt: in.AcceptedAt}}
		if _, err := k.keep(ctx, c, from, in.AcceptedAt); err != nil {
			return true, err
		}
	}
	s.Index.Follow(ctx, caller.Tenant, user)
	return true, nil
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
