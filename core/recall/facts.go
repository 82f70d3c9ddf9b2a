package recall

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// TypeFact is the Type of an item that is a fact.
const TypeFact = "fact"

// factShare bounds the facts of a context block, when there are turns as well:
// one part in so many of the budget.
const factShare = 4

// factReader reads what is known of a user: facts that have not ended.
type factReader interface {
	Known(ctx context.Context, tenant core.TenantID, user core.UserID) ([]core.KnownFact, error)
}

// known is a fact as it is indexed.
type known struct {
	core.KnownFact
	terms    termCounts
	length   int32
	subjects []string // the words of the subject
}

// known makes a fact ready to be indexed, as prepare does an interaction.
func (a analyser) known(f core.KnownFact) known {
	k := known{KnownFact: f, subjects: words(f.Subject)}
	k.terms, k.length, _ = a.terms(f.Text)
	return k
}

// readFacts reads the owner's facts; none where nobody keeps any.
func (s store) readFacts(ctx context.Context, o owner) ([]known, error) {
	if s.facts == nil {
		return nil, nil
	}
	list, err := s.facts.Known(ctx, o.tenant, o.user)
	if err != nil {
		return nil, err
	}
	facts := make([]known, 0, len(list))
	for _, f := range list {
		facts = append(facts, s.analyser.known(f))
	}
	return facts, nil
}

// setFacts puts facts in the place of those there were.
func (x *index) setFacts(facts []known) {
	for i := range x.facts {
		x.bytes -= x.facts[i].bytes()
	}
	x.facts = facts
	for i := range x.facts {
		x.bytes += x.facts[i].bytes()
	}
}

func (k *known) bytes() int64 {
	n := int64(turnBytes) + int64(len(k.Text)+len(k.Subject)+len(k.Attribute)+len(k.Value))
	return n + int64(len(k.terms))*termBytes
}

// factFilter says which facts an answer may hold.
type factFilter struct {
	filter
	now time.Time
}

func (f factFilter) pass(k *known) bool {
	switch {
	case len(f.roles) > 0 || f.metadata != "": // facts have neither
		return false
	case !k.TakenAt.After(f.cutoff) && !f.cutoff.IsZero():
		return false
	case f.now.Before(k.ValidFrom), k.ValidTo != nil && !f.now.Before(*k.ValidTo):
		return false
	case f.since != nil && k.ValidFrom.Before(*f.since), f.until != nil && !k.ValidFrom.Before(*f.until):
		return false
	}
	return f.conversation == "" || slices.ContainsFunc(k.Sources, func(s core.FactSource) bool {
		return s.Conversation == f.conversation
	})
}

// scoredFact is a fact with what a question gives it.
type scoredFact struct {
	*known
	score float64
}

// scoreFacts scores the facts that pass, best first, those without a score
// last; of equals, the newest first. A fact is scored as a turn's own words are.
func (r *ranking) scoreFacts(f factFilter) []scoredFact {
	if len(r.index.facts) == 0 {
		return nil
	}
	r.weighWords()
	var list []scoredFact
	best := r.scale
	for i := range r.index.facts {
		k := &r.index.facts[i]
		if !f.pass(k) {
			continue
		}
		s := scoredFact{known: k, score: r.factScore(k)}
		best = max(best, s.score)
		list = append(list, s)
	}
	for i := range list {
		if best > 0 {
			list[i].score *= r.factSpeaker(list[i].known) / best
		}
	}
	slices.SortFunc(list, func(a, b scoredFact) int {
		return cmp.Or(cmp.Compare(b.score, a.score), b.ValidFrom.Compare(a.ValidFrom), cmp.Compare(b.ID, a.ID))
	})
	return list
}

// weighWords works out how much each word of the question counts in a fact.
func (r *ranking) weighWords() {
	for i := range r.question.words {
		w := &r.question.words[i]
		with := 1
		for _, term := range w.terms {
			with += len(r.index.terms[term].list)
		}
		w.inFact = w.weight * inverseFrequency(with, r.index.live()+1)
	}
}

func (r *ranking) factScore(k *known) float64 {
	total := 0.0
	mean := float64(r.index.length+int64(k.length)) / float64(r.index.live()+1)
	for i := range r.question.words {
		w := &r.question.words[i]
		count := int32(0)
		for _, term := range w.terms {
			count += k.terms.of(term)
		}
		if count > 0 {
			total += w.inFact * saturate(float64(count), turnK1*(1-turnB+turnB*float64(k.length)/mean), turnK1)
		}
	}
	return total
}

// factSpeaker raises facts about whom the question names.
func (r *ranking) factSpeaker(k *known) float64 {
	for _, w := range r.question.words {
		if slices.Contains(k.subjects, w.word) {
			return r.weights.Speaker
		}
	}
	return 1
}

func (s scoredFact) item() Item {
	i := Item{
		Type: TypeFact, ID: string(s.ID), Text: s.Text, Role: core.RoleUser, Name: s.Subject,
		Blob: core.FactBlob(s.ID), OccurredAt: s.ValidFrom.UTC(), Score: s.score,
	}
	if s.Subject == "user" {
		i.Name = ""
	}
	if len(s.Sources) > 0 {
		i.Conversation = s.Sources[len(s.Sources)-1].Conversation
	}
	return i
}

// appendLine appends a fact's line in a context block.
func (k *known) appendLine(out []byte) []byte {
	out = append(out, "- [fact since "...)
	out = k.ValidFrom.UTC().AppendFormat(out, time.DateOnly)
	out = append(append(append(out, "] "...), quoted(k.Subject)...), ": "...)
	out = append(out, strings.TrimSpace(quoted(k.Text))...)
	return append(out, '\n')
}

// addFacts adds facts, given best first, as far as they fit into their share of
// the budget: of those that one sentence says, the first. Those that the question says nothing of come last and may be left
// out; leaving out others makes the block truncated.
func (b *block) addFacts(list []scoredFact, shared bool) {
	limit := b.budget
	if shared {
		limit = b.size + (b.budget-b.size)/factShare
	}
	for _, f := range list {
		start := len(b.text)
		b.text = f.appendLine(b.text)
		size := len(b.text) - start
		if b.says(b.text[start:]) {
			b.text = b.text[:start]
			continue
		}
		if b.size+size > limit {
			b.text = b.text[:start]
			if f.score > 0 {
				b.omitted.Facts++
			}
			continue
		}
		b.facts = append(b.facts, factLine{f, start, len(b.text)})
		b.size += size
	}
}

// says reports whether a fact has this line already.
func (b *block) says(line []byte) bool {
	return slices.ContainsFunc(b.facts, func(f factLine) bool { return bytes.Equal(b.text[f.from:f.to], line) })
}
