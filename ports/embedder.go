package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Embedder computes vectors of texts. It may be far away, slow, and down: no
// acknowledgement and no answer may need it.
type Embedder interface {
	// Model is which model computes. It is the same for the process's life,
	// and its Dimensions are 0 where only an answer tells them.
	Model() core.EmbeddingModel

	// Embed gives a vector for each of 1 to core.MaxEmbedTexts texts, in their
	// order: all of one length, 1 to core.MaxEmbedDimensions, that of Model where
	// it says one; every number finite. Of a text at most core.MaxEmbedBytes are
	// looked at. The same text for the same purpose gives about the same vector.
	// None for no texts.
	//
	// CodeUnavailable when whoever computes can't be reached, answers late, has
	// too much to do, or answers what is none of this; asked again later it may
	// do. CodeBadRequest when it refuses these texts and would do so again.
	// CodeValidation for more texts than that. A context that is done: its error.
	// No text reaches an error's Message.
	Embed(ctx context.Context, texts []string, purpose core.EmbedPurpose) ([][]float32, error)
}

// Reranker says how well texts answer a question.
type Reranker interface {
	// Rerank gives a score for each of up to core.MaxRerankTexts texts, in their
	// order, the better the higher, every one finite. Scores of different calls do
	// not compare. Of the question and a text at most core.MaxEmbedBytes each are
	// looked at. It fails as Embedder.Embed does.
	Rerank(ctx context.Context, query string, texts []string) ([]float64, error)
}
