package modelserver

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"unicode"
)

// synonyms are the words that the stand-in takes for one another.
var synonyms = [][]string{
	{"doctor", "physician", "surgeon", "medic"},
	{"car", "automobile", "vehicle"},
	{"purchased", "bought", "acquired", "buy", "purchase"},
	{"holiday", "vacation", "trip", "journey"},
	{"happy", "glad", "cheerful", "delighted"},
	{"dog", "puppy", "hound"},
	{"house", "home", "residence", "dwelling"},
	{"lives", "live", "resides", "reside", "dwell"},
	{"daughter", "girl"},
	{"ill", "sick", "unwell"},
	{"peanuts", "nuts", "groundnuts"},
	{"allergic", "allergy", "intolerant"},
}

// empty are words without a meaning of their own.
var empty = wordSet(`a an the i you he she it we they my your his her our their is am are was were be been do does did have has
	had of to in on at for with and or but not what who whom where when why how which that this these those me him us them
	will would can could should may might must as by from about so if there here just very really also`)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

var concepts = func() map[string]string {
	of := map[string]string{}
	for _, group := range synonyms {
		for _, word := range group {
			of[word] = group[0]
		}
	}
	return of
}()

// words are the words of a text that mean something, in lower case.
func words(text string) []string {
	var out []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		if !empty[word] {
			out = append(out, word)
		}
	}
	return out
}

func concept(word string) string {
	if c, ok := concepts[word]; ok {
		return c
	}
	return word
}

// Vector is a text's vector by a model, of unit length: the sum of its words'.
// A text without words gets a vector of its own. dimensions 0 are the server's.
func (s *Server) Vector(model, text string, dimensions int) []float32 {
	if dimensions == 0 {
		dimensions = s.Dimensions
	}
	if dimensions == 0 {
		dimensions = DefaultDimensions
	}
	sum := make([]float64, dimensions)
	for _, word := range words(text) {
		weight := 1.0
		if s.Weight != nil {
			weight = s.Weight(word)
		}
		for i, v := range s.word(model, word, dimensions) {
			sum[i] += weight * float64(v)
		}
	}
	return unit(sum, model+text)
}

func (s *Server) word(model, word string, dimensions int) []float32 {
	if s.Words != nil {
		if v := s.Words(word); len(v) == dimensions {
			return v
		}
		return nil
	}
	return fixed(model+"\x00"+concept(word), dimensions)
}

// fixed is the vector that a name always has.
func fixed(name string, dimensions int) []float32 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	random := rand.New(rand.NewPCG(hash.Sum64(), 1)) //nolint:gosec // to be the same each time
	v := make([]float32, dimensions)
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	return v
}

func unit(sum []float64, name string) []float32 {
	length := 0.0
	for _, v := range sum {
		length += v * v
	}
	if length == 0 {
		for i, v := range fixed(name, len(sum)) {
			sum[i] = float64(v)
			length += sum[i] * sum[i]
		}
	}
	out := make([]float32, len(sum))
	for i, v := range sum {
		out[i] = float32(v / math.Sqrt(length))
	}
	return out
}

// shared is the share of a question's words that a text has too.
func shared(query, text string) float64 {
	have := map[string]bool{}
	for _, word := range words(text) {
		have[concept(word)] = true
	}
	asked := words(query)
	n := 0.0
	for _, word := range asked {
		if have[concept(word)] {
			n++
		}
	}
	return n / float64(max(len(asked), 1))
}
