package ports

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Clock tells the time.
type Clock interface {
	Now() time.Time
}

// Health is asked of every outside part that a request may need.
type Health interface {
	// Ping is nil when the part can do its work, writes included. It returns
	// within the context's deadline.
	Ping(ctx context.Context) error
}

// Stemmer reduces words to stems, for languages that it names by ISO 639-1.
type Stemmer interface {
	// Stem returns the word's stem; the word itself for a language it does not
	// know. The word is in lower case. Safe for concurrent use; it never fails.
	Stem(language, word string) string
}

// Thesaurus knows which words are near in meaning, for languages that it names
// by ISO 639-1.
type Thesaurus interface {
	// Related returns words near in meaning to the word, nearest first, at most
	// core.MaxRelatedWords, none of them a form of the word itself; none for a
	// word or a language that it does not know. The word is in lower case. Safe
	// for concurrent use; it never fails.
	Related(language, word string) []core.RelatedWord
}
