package recall

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// Include names a part of a context block.
type Include string

// The parts there are.
const (
	IncludeFacts    Include = "facts"
	IncludeEpisodes Include = "episodes"
	IncludeRecent   Include = "recent"
)

// ContextQuery asks for a block of context for a prompt. Since, Until and
// Metadata hold for everything in it, as in Query.
type ContextQuery struct {
	Text         string
	MaxTokens    int                 // by TokenCounter; core.DefaultMaxTokens for 0 and less
	Conversation core.ConversationID // whose recent turns; "" for the one that spoke last
	Since        *time.Time
	Until        *time.Time
	Include      []Include // none for all
	Metadata     core.Metadata
}

// TokenCounter names how tokens are counted: the bytes of the block divided by
// four, rounded up. That is near what tokenisers give for English and above it
// for most of the rest.
const TokenCounter = "utf8_bytes/4" //nolint:gosec // a name, no secret //nolint:gosec // a rule's name, no credential

const bytesPerToken = 4

// Context is a block of context. Items are its lines, in its order, each once;
// their Text is not cut. Text is "" when not even the block's first and last
// line fit; where nothing was found, it is those two lines. Truncated says that
// something found was cut or left out for the budget.
type Context struct {
	Text         string
	TokenCount   int
	TokenCounter string
	Truncated    bool
	Items        []Item
}

const (
	// contextHits is the most hits that a block is made of.
	contextHits = 100
	// contextFloor is the least score of a hit, as a share of the best one's:
	// what is below is there for its session only, and costs more tokens than
	// it tells.
	contextFloor = 0.25
	// neighbourShare bounds the turns either side that come with the best hits,
	// so that a line is read in its exchange: one part in so many of the budget.
	neighbourShare = 8
	// recentTurns is the most recent turns of a block; they take at most one
	// part in recentShare of its budget, when there are hits as well.
	recentTurns = 10
	recentShare = 4
)

// Context returns a block of the facts that hold, the best interactions with
// their neighbours, in order of time, and after them the most recent turns of a
// conversation. The
// block never takes more than MaxTokens; hits that do not fit are left out, and
// the best of all is cut when it does not fit alone.
//
// It needs the scope memory:read. CodeNotFound when the user does not exist,
// otherwise the errors of the ports.
func (s *Service) Context(ctx context.Context, caller core.Caller, user core.UserID, q ContextQuery) (Context, error) {
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		return Context{}, err
	}
	var out Context
	now := s.clock.Now()
	err := s.read(ctx, caller.Tenant, user, func(x *index) {
		f := filter{since: q.Since, until: q.Until, metadata: q.Metadata, cutoff: caller.Settings.RetentionCutoff(now)}
		out = x.context(q, factFilter{f, now})
	})
	return out, err
}

func (x *index) context(q ContextQuery, f factFilter) Context {
	pass := f.compile()
	tokens := q.MaxTokens
	if tokens <= 0 {
		tokens = core.DefaultMaxTokens
	}
	b := newBlock(x, min(tokens, core.MaxMaxTokens)*bytesPerToken)
	r := x.rank(q.Text)
	defer r.release()
	b.scores = r.score
	var hits, recent []int32
	if includes(q.Include, IncludeEpisodes) {
		hits = r.hits(pass)
	}
	if includes(q.Include, IncludeRecent) {
		recent = x.recent(q.Conversation, pass)
	}
	if includes(q.Include, IncludeFacts) {
		b.addFacts(r.scoreFacts(f), len(hits)+len(recent) > 0)
	}
	b.addRecent(recent, len(hits) > 0)
	b.addHits(hits, pass)
	return b.render()
}

func includes(list []Include, part Include) bool {
	return len(list) == 0 || slices.Contains(list, part)
}

// hits returns the best turns that a block is made of, best first.
func (r *ranking) hits(pass func(*turn) bool) []int32 {
	top := r.best(contextHits, pass)
	for i, slot := range top {
		if r.score[slot] < contextFloor*r.score[top[0]] {
			return top[:i]
		}
	}
	return top
}

// recent returns the last turns of a conversation that pass, newest first; of
// the one that spoke last, when none is named.
func (x *index) recent(id core.ConversationID, pass func(*turn) bool) []int32 {
	c := x.conversations[id]
	if id == "" {
		c = x.latest(pass)
	}
	if c == nil {
		return nil
	}
	var list []int32
	for _, slot := range slices.Backward(c.order) {
		if len(list) < recentTurns && pass(&x.turns[slot]) {
			list = append(list, slot)
		}
	}
	return list
}

// latest returns the conversation of the turn that was accepted last, of those
// that pass.
func (x *index) latest(pass func(*turn) bool) *conversation {
	var latest *turn
	for _, c := range x.conversations {
		for _, slot := range slices.Backward(c.order) {
			if t := &x.turns[slot]; pass(t) {
				if latest == nil || newer(t, latest) {
					latest = t
				}
				break
			}
		}
	}
	if latest == nil {
		return nil
	}
	return latest.conversation
}

func newer(a, b *turn) bool {
	return a.acceptedAt > b.acceptedAt || a.acceptedAt == b.acceptedAt && a.id > b.id
}
