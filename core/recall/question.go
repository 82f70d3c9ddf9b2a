package recall

import (
	"cmp"
	"slices"
)

const (
	// maxQueryWords bounds how many different words of a query are looked at.
	maxQueryWords = 1000
	// maxConcepts bounds how many of them are searched for: the rarest. Past
	// some dozens, more of them change the time that it takes and little else.
	maxConcepts = 64
	// maxLanguages bounds in how many languages a query's words are stemmed.
	maxLanguages = 3
	// nameWeight is what a speaker's name counts in the text itself, against
	// other words: the speaker signal counts it already, and who is called by
	// name is rarely who says the thing. Fitted; 0.2 to 0.5 are alike.
	nameWeight = 0.5
)

// question is a query as the index understands it.
type question struct {
	concepts []concept
	spoken   [][]posting // turns of the speakers that it names
	dates    []dateSpan
	words    []askedWord // also those that no turn has
}

// askedWord is a word of a query with its stems.
type askedWord struct {
	word   string
	terms  []string
	weight float64
}

// concept is one word of a query: the postings of its stems, one for each
// language that the user's memory is in.
type concept struct {
	variants [][]posting
	weight   float64
}

func (c *concept) frequency() int {
	n := 0
	for _, list := range c.variants {
		n += len(list)
	}
	return n
}

// ask reads a query. Words that nobody said and stop words ask for nothing.
func (x *index) ask(text string) question {
	list := words(text)
	spoken := detect(list)
	q := question{dates: findDates(list)}
	stems := x.spokenLanguages(spoken)
	seen, known := map[string]bool{}, map[string]bool{}
	for _, w := range list {
		if seen[w] || spoken.isStop(w) || len(seen) == maxQueryWords {
			continue
		}
		seen[w] = true
		c := concept{weight: 1}
		if turns := x.terms[nameTerm(w)]; turns != nil {
			q.spoken = append(q.spoken, turns)
			c.weight = nameWeight
		}
		asked := askedWord{word: w, weight: c.weight}
		for _, l := range stems {
			term := x.analyser.term(l, w)
			if !slices.Contains(asked.terms, term) {
				asked.terms = append(asked.terms, term)
			}
			if postings := x.terms[term]; postings != nil && !known[term] {
				known[term] = true
				c.variants = append(c.variants, postings)
			}
		}
		q.words = append(q.words, asked)
		if c.variants != nil {
			q.concepts = append(q.concepts, c)
		}
	}
	if len(q.concepts) > maxConcepts {
		slices.SortStableFunc(q.concepts, func(a, b concept) int { return cmp.Compare(a.frequency(), b.frequency()) })
		q.concepts = q.concepts[:maxConcepts]
	}
	return q
}

// spokenLanguages are the languages to stem a query in: the one it seems to be
// in, then those that most turns are in. A short query rarely shows its own.
func (x *index) spokenLanguages(first language) []language {
	var others []language
	for i := range languages {
		if l := language(i); l != first && x.languages[l] > 0 {
			others = append(others, l)
		}
	}
	slices.SortStableFunc(others, func(a, b language) int { return cmp.Compare(x.languages[b], x.languages[a]) })
	return append([]language{first}, others[:min(len(others), maxLanguages-1)]...)
}
