package recall

import (
	"fmt"
	"slices"
	"testing"

	"github.com/raven-memory/raven/core"
)

// counting is a thesaurus of any word, that counts how often it is asked.
type counting struct{ asked map[string]int }

func (c counting) Related(_, word string) []core.RelatedWord {
	c.asked[word]++
	if word == "unknown" {
		return nil
	}
	return []core.RelatedWord{{Word: word + "s", Nearness: 0.5}, {Word: word + "ed", Nearness: 0.4}, {Word: "other", Nearness: 0.2}}
}

func TestKinIsWorkedOutOnce(t *testing.T) {
	t.Parallel()
	meaning := counting{asked: map[string]int{}}
	k := newKinship(meaning, func(word string) string {
		if len(word) > 4 {
			return word[:4]
		}
		return word
	})
	want := []kinTerm{{"walk", 0.25}, {"othe", 0.04000000000000001}}
	for range 3 {
		if got := k.of("walk"); !slices.Equal(got, want) {
			t.Errorf("kin %v, want %v", got, want)
		}
		if got := k.of("unknown"); got != nil {
			t.Errorf("kin of a word without any: %v", got)
		}
	}
	if meaning.asked["walk"] != 1 || meaning.asked["unknown"] != 3 {
		t.Errorf("asked %v; words that the thesaurus does not know are not remembered", meaning.asked)
	}
	for i := range 2 * maxKinWords {
		k.of(fmt.Sprint(i))
	}
	if len(k.known) > maxKinWords {
		t.Errorf("%d words are remembered", len(k.known))
	}
}
