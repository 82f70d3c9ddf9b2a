// Package recall finds what a user said. It keeps an index of each user's
// interactions in memory, built from the store on first use and kept current
// by the store's changes, and answers two questions of it: the interactions
// that fit a query best, and a block of context for a prompt.
//
// Ranking needs no model. Its signals, one small function each, are in rank.go
// and signals.go; what they weigh is in weights.go. Where there is an embedder,
// the nearness of vectors is one more signal (dense.go), and where there is a
// reranker, it orders the best anew (rerank.go).
package recall
