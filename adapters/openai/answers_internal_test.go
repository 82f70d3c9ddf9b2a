package openai

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// FuzzAnswers holds that whatever a model's server answers is taken whole and in
// order, or refused.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":1,"embedding":[1,2]},{"index":0,"embedding":[3,4]}]}`), "3")
	f.Add([]byte(`{"results":[{"index":0,"relevance_score":1},{"index":1,"relevance_score":-1}]}`), "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add([]byte(`{"data":[{"index":0,"embedding":[]},{"index":0}]}`), "-1")
	f.Fuzz(func(t *testing.T, body []byte, after string) {
		var vectors embeddingsAnswer
		if json.Unmarshal(body, &vectors) == nil {
			list, err := vectors.vectors(2, 0)
			if err == nil && (len(list) != 2 || len(list[0]) == 0 || len(list[0]) != len(list[1]) || len(list[0]) > core.MaxEmbedDimensions) {
				t.Errorf("%s gives %v", body, list)
			}
		}
		var scores rerankAnswer
		if json.Unmarshal(body, &scores) == nil {
			list, err := inOrder(scores.Results, 2)
			if err == nil && (len(list) != 2 || math.IsNaN(list[0]+list[1])) {
				t.Errorf("%s gives %v", body, list)
			}
		}
		if d := retryAfter(after, time.Unix(0, 0)); d < 0 {
			t.Errorf("%q asks for %v", after, d)
		}
	})
}

// FuzzCandidates holds that no answer of a model's becomes a fact that nobody said.
func FuzzCandidates(f *testing.F) {
	f.Add("I live in Oslo.", []byte(`{"facts":[{"message":1,"subject":"user","attribute":"lives in","value":"Oslo","quote":"I live in Oslo."}]}`))
	f.Add("x", []byte(`{"facts":[{"message":0},{"message":2},{"message":-1,"quote":"x"}]}`))
	f.Add("猫が好き", []byte(`{"facts":[{"message":1,"subject":"user","attribute":"likes","value":"猫","quote":"猫が好き"}]}`))
	f.Fuzz(func(t *testing.T, content string, answer []byte) {
		var given struct {
			Facts []fact `json:"facts"`
		}
		if json.Unmarshal(answer, &given) != nil {
			return
		}
		batch := []core.Interaction{{ID: "int_1", Role: core.RoleUser, Content: content}}
		found := candidates(batch, given.Facts)
		if len(found) > factsOfOneMessage {
			t.Errorf("%d facts of one message", len(found))
		}
		for _, c := range found {
			if !strings.Contains(folded(content), folded(c.Text)) || core.CheckFact(c.Text) != "" || c.Source != "int_1" {
				t.Errorf("%q does not say %+v", content, c)
			}
		}
	})
}
