package core

import "strconv"

// EmbeddingModel is which model computes vectors. Vectors compare only with
// those of an equal model.
type EmbeddingModel struct {
	Name       string
	Dimensions int // of its vectors; 0 while that is not known
}

// String names the model and its dimensions.
func (m EmbeddingModel) String() string { return m.Name + "/" + strconv.Itoa(m.Dimensions) }

// EmbedPurpose says what a text is embedded for: many models put what is asked
// and what is searched into the same space by different ways.
type EmbedPurpose string

// The purposes there are.
const (
	EmbedQuery   EmbedPurpose = "query"
	EmbedPassage EmbedPurpose = "passage"
)

// Bounds of what embedders and rerankers are asked.
const (
	// MaxEmbedTexts is the most texts of one call.
	MaxEmbedTexts = 256
	// MaxEmbedBytes is the most bytes of a text that are looked at: about the
	// 2,000 tokens that most models read at least.
	MaxEmbedBytes = 8 << 10
	// MaxEmbedDimensions is the most dimensions of a vector.
	MaxEmbedDimensions = 8192
	// MaxRerankTexts is the most texts of one call to a reranker.
	MaxRerankTexts = 100
)
