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

	probe     *probe                         // the query's vector; nil for none
	relevance map[core.InteractionID]float64 // of the hits that were ordered anew
}

// TokenCounter names how tokens are counted: the bytes of the block divided by
// four, rounded up. That is near what tokenisers give for English and above it
// for most of the rest.
const TokenCounter = "utf8_bytes/4" //nolint:gosec // a name, no secret //nolint:gosec // a rule's name, no credential

const bytesPerToken = 4

// Context is a block of context. Items are its lines, in its order, each once;
// their Text is not cut. Text is "" when not even the block's first and last
// line fit; where nothing was found, it is those two lines. Truncated says that
// something found was cut or left out for the budget, Omitted what.
type Context struct {
	Text         string
	TokenCount   int
	TokenCounter string
	Truncated    bool
	Omitted      Omitted
	Items        []Item
}

// Omitted counts what was found and did not fit: into the part of the budget of
// facts, of recent turns, or into all of it. Neighbours, which nobody looked
// for, and facts that the question says nothing of do not count.
type Omitted struct {
	Facts    int
	Episodes int // hits
	Recent   int
	Cut      bool // the best hit, or the latest turn of a block without hits, lost its end
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
// conversation.
//
// The block never takes more than MaxTokens. Facts get a quarter of it at most,
// recent turns a quarter of what the facts leave, neighbours an eighth of all,
// and hits what is left, best first; where there is nothing of the other kinds,
// facts or recent turns may take it all. What does not fit is left out; only the
// best hit is cut when it does not fit whole. The same request of the same
// memory gives the same bytes.
//
// It needs the scope memory:read. CodeNotFound when the user does not exist,
// otherwise the errors of the ports.
func (s *Service) Context(ctx context.Context, caller core.Caller, user core.UserID, q ContextQuery) (Context, error) {
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		return Context{}, err
	}
	var out Context
	now := s.clock.Now()
	q.probe = s.vectors.probe(ctx, caller.Tenant, q.Text)
	f := factFilter{filter{since: q.Since, until: q.Until, metadata: q.Metadata, cutoff: caller.Settings.RetentionCutoff(now)}, now}
	if s.rerank != nil && includes(q.Include, IncludeEpisodes) {
		var best []Item
		err := s.read(ctx, caller.Tenant, user, func(x *index) { best = x.bestHits(q, f, s.weights, s.rerank.Top) })
		if err != nil {
			return out, err
		}
		q.relevance = s.rerank.ofHits(ctx, q.Text, best)
	}
	err := s.read(ctx, caller.Tenant, user, func(x *index) {
		out = x.context(q, f, s.weights)
		s.vectors.want(owner{caller.Tenant, user}, x)
	})
	return out, err
}

func (x *index) context(q ContextQuery, f factFilter, w Weights) Context {
	pass := f.compile()
	tokens := q.MaxTokens
	if tokens <= 0 {
		tokens = core.DefaultMaxTokens
	}
	r := x.rank(q.Text, w)
	defer r.release()
	r.addVector(q.probe)
	b := newBlock(r, min(tokens, core.MaxMaxTokens)*bytesPerToken)
	var hits []hit
	var recent []int32
	if includes(q.Include, IncludeEpisodes) {
		hits = r.reorder(r.best(contextHits, contextFloor, pass), q.relevance)
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

// recent returns the last turns of a conversation that pass, newest first; of
// the one that spoke last, when none is named.
func (x *index) recent(id core.ConversationID, f *turnFilter) []int32 {
	c := x.conversations[id]
	if id == "" {
		c = x.latest(f)
	}
	if c == nil {
		return nil
	}
	var list []int32
	for _, slot := range slices.Backward(c.order) {
		if len(list) == recentTurns {
			break
		}
		if f.pass(&x.turns[slot]) {
			list = append(list, slot)
		}
	}
	return list
}

// latest returns the conversation that spoke last, of those with a turn that
// passes.
func (x *index) latest(f *turnFilter) *conversation {
	var latest *conversation
	var last lastTurn
	for _, c := range slices.Backward(x.byAge) {
		if latest != nil && c.last.compare(last) < 0 {
			break
		}
		for _, slot := range slices.Backward(c.order) {
			if t := &x.turns[slot]; f.pass(t) {
				if l := (lastTurn{t.acceptedAt, t.id}); latest == nil || l.compare(last) > 0 {
					latest, last = c, l
				}
				break
			}
		}
	}
	return latest
}
