package recall

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

const (
	// embedTurns is how many turns are embedded, and stored, at a time: what is
	// lost when the process ends in between.
	embedTurns = 128
	// stretchTurns is the most turns of a stored record of vectors. With one of
	// them that is forgotten the record goes, and the others are computed anew
	// unless they are in memory.
	stretchTurns = 64
	// looseRecords is how many records a stretch may be in before they become
	// one: talk comes turn by turn, and is written so.
	looseRecords = 8
	vectorPage   = 100
	embedTries   = 4
	// shortText is what of a text that is refused is tried last.
	shortText = 256
)

// Vectors are what a Service computes, keeps and compares vectors with. They are
// computed by EmbedStretch and EmbedMissing, in the background.
type Vectors struct {
	Embedder ports.Embedder
	Derived  ports.Derived
	Sealer   sealer
	IDs      *core.IDs
	// Wanted is told of users some of whose turns may have no vector. It must
	// not wait.
	Wanted func(tenant core.TenantID, user core.UserID)
}

// vectorSearch is a Service's part that has to do with vectors; nil for none.
type vectorSearch struct {
	Vectors
	queries *queryCache
}

func newVectorSearch(deps *Vectors) *vectorSearch {
	if deps == nil {
		return nil
	}
	return &vectorSearch{Vectors: *deps, queries: newQueryCache()}
}

// probe is the vector of a query; nil when there is none in time.
func (v *vectorSearch) probe(ctx context.Context, tenant core.TenantID, text string) *probe {
	if v == nil || !hasWord(text) {
		return nil
	}
	if p := v.queries.get(tenant, text); p != nil {
		return p
	}
	list, err := v.Embedder.Embed(ctx, []string{text}, core.EmbedQuery)
	if err != nil || len(list) != 1 {
		return nil // words alone answer too
	}
	q := quantise(list[0])
	if q.values == nil {
		return nil
	}
	p := newProbe(q)
	v.queries.put(tenant, text, p)
	return p
}

// want has vectors computed that an index seems to lack.
func (v *vectorSearch) want(o owner, x *index) {
	if v != nil && v.Wanted != nil && x.vectors.wanting {
		v.Wanted(o.tenant, o.user)
	}
}

// ours reports whether vectors are of the model that computes now.
func (v *vectorSearch) ours(m core.EmbeddingModel) bool {
	now := v.Embedder.Model()
	return m.Name == now.Name && m.Dimensions > 0 && (now.Dimensions == 0 || m.Dimensions == now.Dimensions)
}

// of names the model of vectors that were just computed.
func (v *vectorSearch) of(list [][]float32) core.EmbeddingModel {
	return core.EmbeddingModel{Name: v.Embedder.Model().Name, Dimensions: len(list[0])}
}

// source is a turn to be embedded.
type source struct {
	part   core.ConversationID
	number int64
	text   string
}

// compute embeds turns, at most embedTurns of them. One that is refused while
// others are not is known to have no vector from then on.
func (v *vectorSearch) compute(ctx context.Context, list []source) ([]embedded, core.EmbeddingModel, error) {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = list[i].text
	}
	out := make([]embedded, len(list))
	raw, err := v.Embedder.Embed(ctx, texts, core.EmbedPassage)
	if core.Is(err, core.CodeBadRequest) {
		raw, err = v.computeEach(ctx, texts)
	}
	if err != nil {
		return nil, core.EmbeddingModel{}, err
	}
	var model core.EmbeddingModel
	for i := range raw {
		out[i].number = list[i].number
		if raw[i] == nil {
			continue
		}
		model = v.of(raw[i : i+1])
		out[i].vector = quantise(raw[i])
	}
	return out, model, nil
}

// computeEach embeds texts one by one, those that are refused ever shorter; nil
// stands for those that have no vector. It fails when all are refused.
func (v *vectorSearch) computeEach(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	var refused error
	found := false
	for i, text := range texts {
		for {
			got, err := v.Embedder.Embed(ctx, []string{text}, core.EmbedPassage)
			if err == nil {
				out[i], found = got[0], true
				break
			}
			if !core.Is(err, core.CodeBadRequest) {
				return nil, err
			}
			if refused = err; len(text) <= shortText {
				break
			}
			text = shorter(text, max(len(text)/2, shortText))
		}
	}
	if !found {
		return nil, refused
	}
	return out, nil
}

// shorter gives at most n bytes of a text, in whole characters.
func shorter(text string, n int) string {
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n]
}
