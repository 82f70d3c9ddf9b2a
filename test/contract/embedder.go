package contract

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Embedders say how an embedder is opened and broken. Those that are open at
// the same time do not disturb each other.
type Embedders struct {
	Open func(t *testing.T) ports.Embedder
	// Broken gives one whose server can't be reached.
	Broken func(t *testing.T) ports.Embedder
	// Refusing gives one whose server refuses every text.
	Refusing func(t *testing.T) ports.Embedder
}

// secretText must be in no error.
const secretText = "Geheimnis-4711"

// Embedder is the suite of ports.Embedder.
func Embedder(t *testing.T, e Embedders) {
	for _, g := range []struct {
		name string
		open func(t *testing.T) ports.Embedder
		hold func(*embedding)
	}{
		{"a vector for each text, in order", e.Open, vectorsAreInOrder},
		{"vectors are of one length and finite", e.Open, vectorsAreAlike},
		{"no vectors for no texts", e.Open, noTextsGiveNothing},
		{"the same text gives the same vector", e.Open, sameTextSameVector},
		{"any text has a vector", e.Open, anyTextHasAVector},
		{"as many texts as may be", e.Open, manyTexts},
		{"too many texts are refused", e.Open, tooManyTexts},
		{"texts stay as they are", e.Open, textsStay},
		{"a done context gets its error", e.Open, doneContextGetsNoVectors},
		{"many callers at once get what one would", e.Open, embeddingAtOnce},
		{"the model has a name and stays", e.Open, modelIsNamed},
		{"a server that is not there is unavailable", e.Broken, brokenIsUnavailable},
		{"a server that refuses is told apart", e.Refusing, refusalIsBadRequest},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			t.Cleanup(cancel)
			g.hold(&embedding{Embedder: g.open(t), t: t, ctx: ctx})
		})
	}
}

type embedding struct {
	ports.Embedder
	t   *testing.T
	ctx context.Context //nolint:containedctx // of one subtest
}

func (e *embedding) must(texts ...string) [][]float32 {
	e.t.Helper()
	vectors, err := e.Embed(e.ctx, texts, core.EmbedPassage)
	if err != nil {
		e.t.Fatalf("refused: %v", err)
	}
	if len(vectors) != len(texts) {
		e.t.Fatalf("%d vectors for %d texts", len(vectors), len(texts))
	}
	return vectors
}

// near reports whether two vectors are about the same.
func near(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot > 0.999*math.Sqrt(aa*bb)
}

var manyDifferent = func() []string {
	list := make([]string, core.MaxEmbedTexts)
	for i := range list {
		list[i] = fmt.Sprintf("text about subject%d and thing%d", i, i*7)
	}
	return list
}()

func vectorsAreInOrder(e *embedding) {
	texts := manyDifferent[:7]
	together := e.must(texts...)
	for i, text := range texts {
		if alone := e.must(text)[0]; !near(alone, together[i]) {
			e.t.Errorf("the vector of %q is not in its place", text)
		}
	}
	if near(together[0], together[1]) {
		e.t.Error("different texts have one vector")
	}
}

func vectorsAreAlike(e *embedding) {
	list := slices.Concat(e.must("a first text"), e.must("a second", "and a third text"))
	length := len(list[0])
	if length == 0 || length > core.MaxEmbedDimensions {
		e.t.Errorf("a vector has %d dimensions", length)
	}
	if d := e.Model().Dimensions; d != 0 && d != length {
		e.t.Errorf("the model has %d dimensions, a vector %d", d, length)
	}
	for _, v := range list {
		if len(v) != length {
			e.t.Errorf("vectors of %d and %d dimensions", length, len(v))
		}
		for _, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				e.t.Fatalf("a vector holds %v", x)
			}
		}
	}
}

func noTextsGiveNothing(e *embedding) { e.must() }

func sameTextSameVector(e *embedding) {
	for _, purpose := range []core.EmbedPurpose{core.EmbedQuery, core.EmbedPassage} {
		var last []float32
		for range 2 {
			got, err := e.Embed(e.ctx, []string{"the same text"}, purpose)
			if err != nil || len(got) != 1 {
				e.t.Fatalf("%d vectors, %v", len(got), err)
			}
			if last != nil && !near(last, got[0]) {
				e.t.Errorf("a text for purpose %s has two vectors", purpose)
			}
			last = got[0]
		}
	}
}

func anyTextHasAVector(e *embedding) {
	e.must("", " ", "?", "a", "\n\t", "🦜🦜🦜", "日本語のテキスト", "a\u202eb\u0000c", `"}],"input":["x"`,
		strings.Repeat("long ", 20_000), strings.Repeat("語", core.MaxEmbedBytes))
}

func manyTexts(e *embedding) {
	vectors := e.must(manyDifferent...)
	for _, at := range []int{0, 1, len(vectors) / 2, len(vectors) - 1} {
		if !near(vectors[at], e.must(manyDifferent[at])[0]) {
			e.t.Errorf("vector %d of %d is not in its place", at, len(vectors))
		}
	}
}

func tooManyTexts(e *embedding) {
	if _, err := e.Embed(e.ctx, make([]string, core.MaxEmbedTexts+1), core.EmbedPassage); !core.Is(err, core.CodeValidation) {
		e.t.Errorf("too many texts are answered with %v", err)
	}
}

func textsStay(e *embedding) {
	texts := []string{"one", "two"}
	e.must(texts...)
	if texts[0] != "one" || texts[1] != "two" {
		e.t.Errorf("texts became %q", texts)
	}
}

func doneContextGetsNoVectors(e *embedding) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for _, texts := range [][]string{{"a"}, nil} {
		if _, err := e.Embed(ctx, texts, core.EmbedQuery); !errors.Is(err, context.Canceled) || core.Is(err, core.CodeUnavailable) {
			e.t.Errorf("a done context is answered with %v", err)
		}
	}
}

func embeddingAtOnce(e *embedding) {
	texts := manyDifferent[:16]
	want := e.must(texts...)
	var wg sync.WaitGroup
	for i := range texts {
		wg.Go(func() {
			got, err := e.Embed(e.ctx, texts[i:i+1], core.EmbedPassage)
			if err != nil || len(got) != 1 || !near(got[0], want[i]) {
				e.t.Errorf("at once, text %d got %d vectors and %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
}

func modelIsNamed(e *embedding) {
	before := e.Model()
	e.must("a")
	if before.Name == "" || e.Model() != before {
		e.t.Errorf("the model was %v and is %v", before, e.Model())
	}
}

func brokenIsUnavailable(e *embedding) {
	for _, purpose := range []core.EmbedPurpose{core.EmbedQuery, core.EmbedPassage} {
		_, err := e.Embed(e.ctx, []string{secretText}, purpose)
		mustFailQuietly(e.t, err, core.CodeUnavailable)
	}
}

func refusalIsBadRequest(e *embedding) {
	_, err := e.Embed(e.ctx, []string{secretText}, core.EmbedPassage)
	mustFailQuietly(e.t, err, core.CodeBadRequest)
}

// mustFailQuietly asks for a code, and that the error tells nothing of what was asked.
func mustFailQuietly(t *testing.T, err error, code core.Code) {
	t.Helper()
	if !core.Is(err, code) {
		t.Errorf("answered with %v, want %s", err, code)
	}
	if err != nil && strings.Contains(err.Error(), secretText) {
		t.Errorf("the error tells the text: %v", err)
	}
}
