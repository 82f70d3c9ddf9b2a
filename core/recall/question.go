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
)

// question is a query as the index understands it.
type question struct {
	concepts []concept
	named    [][]int32 // the speakers that it names, by each word of their names
	dates    []dateSpan
	words    []askedWord // also those that no turn has
}

// askedWord is a word of a query with its stems.
type askedWord struct {
	word   string
	terms  []string
	weight float64
	inFact float64 // BM25's saturation of it in a fact is multiplied with; weighWords fills it in
}

// concept is something that a question asks for, most often one of its words.
type concept struct {
	variants []variant
	weight   float64
	field    field // what matches count as

	// What BM25's saturation of a match is multiplied with; ready fills them in.
	turn, window, session float64
}

// variant is a term that speaks for a concept: a word's stem in one of the
// languages that the memory is in.
type variant struct {
	postings
	weight float64 // of one occurrence
}

func (c *concept) frequency() int {
	n := 0
	for i := range c.variants {
		n += len(c.variants[i].list)
	}
	return n
}

// sessions is in how many sessions the concept is, about: those with several of
// its variants count several times.
func (c *concept) sessions() int {
	n := 0
	for i := range c.variants {
		n += int(c.variants[i].sessions)
	}
	return n
}

// ask reads a query. Words that nobody said and stop words ask for nothing.
func (x *index) ask(text string, w *Weights) question {
	list := words(text)
	spoken := detect(list)
	q := question{dates: findDates(list)}
	stems := x.spokenLanguages(spoken)
	seen, known := map[string]bool{}, map[string]bool{}
	for _, word := range list {
		if seen[word] || spoken.isStop(word) || len(seen) == maxQueryWords {
			continue
		}
		seen[word] = true
		c := concept{weight: 1, field: said}
		if speakers := x.named[word]; speakers != nil {
			q.named = append(q.named, speakers)
			c.weight = w.Name
		}
		asked := askedWord{word: word, weight: c.weight}
		asked.terms, c.variants = x.forms(word, stems, known)
		q.words = append(q.words, asked)
		if c.variants != nil {
			q.concepts = append(q.concepts, c)
		}
		if w.Kin > 0 && c.weight == 1 && len(q.concepts) < maxConcepts {
			q.relate(x.related(word, asked.terms), c)
		}
	}
	if len(q.concepts) > maxConcepts {
		slices.SortStableFunc(q.concepts, func(a, b concept) int { return cmp.Compare(a.frequency(), b.frequency()) })
		q.concepts = q.concepts[:maxConcepts]
	}
	return q
}

// forms gives a word's stems in each of the languages, and the postings of
// those that are not known yet.
func (x *index) forms(word string, in []language, known map[string]bool) (terms []string, variants []variant) {
	for _, l := range in {
		term := x.analyser.term(l, word)
		if !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
		if postings, ok := x.terms[term]; ok && !known[term] {
			known[term] = true
			variants = append(variants, variant{postings, 1})
		}
	}
	return terms, variants
}

// relate asks for words related to one that is asked for, or for that itself.
func (q *question) relate(related []variant, c concept) {
	if len(related) > 0 {
		q.concepts = append(q.concepts, concept{weight: 1, field: kin, variants: append(related, c.variants...)})
	}
}

// related gives the words of the memory that are near in meaning to a word,
// less those of its own terms.
func (x *index) related(word string, own []string) []variant {
	if x.analyser.kin == nil {
		return nil
	}
	var list []variant
	for _, k := range x.analyser.kin.of(word) {
		if postings, ok := x.terms[k.term]; ok && !slices.Contains(own, k.term) {
			list = append(list, variant{postings, k.weight})
		}
	}
	return list
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
