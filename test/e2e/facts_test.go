package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

// stores are the settings of every kind of store.
func stores(t *testing.T) map[string][]string {
	t.Helper()
	return map[string][]string{
		"embedded": nil,
		"redis":    {"RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL=" + backend.Redis(t).URL()},
	}
}

const factsOfAda = "/api/v1/users/ext:ada/facts"

// factTexts lists what a query gives.
func (c *client) factTexts(t *testing.T, query string) []string {
	t.Helper()
	texts := []string{}
	for _, f := range c.pages(t, factsOfAda+query) {
		text, _ := f["text"].(string)
		texts = append(texts, text)
	}
	return texts
}

// untilFacts waits for facts, which are found after the answer.
func (c *client) untilFacts(t *testing.T, query string, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if got = c.factTexts(t, query); slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("the facts are %q, want %q", got, want)
}

func TestFactsAreLearntSupersededAndForgotten(t *testing.T) {
	t.Parallel()
	for name, env := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), env...)
			c := register(t, s.URL, "facts", nil)
			c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", nil)
			say := func(conversation string, text string) (id string) {
				path := "/api/v1/users/ext:ada/conversations"
				_, _ = c.do("POST", path, object{"external_ref": conversation})
				a := c.must(t, http.StatusCreated, "POST", path+"/ext:"+conversation+"/memory", object{"interactions": []object{interaction(text)}})
				ids, _ := a.body["interaction_ids"].([]any)
				id, _ = ids[0].(string)
				return id
			}
			say("c1", "I live in Lisbon. I love jazz!")
			c.untilFacts(t, "", "I live in Lisbon.", "I love jazz!")
			moved := say("c2", "I moved to Porto last week.")
			c.untilFacts(t, "", "I love jazz!", "I moved to Porto last week.")
			c.untilFacts(t, "?include=superseded", "I live in Lisbon.", "I love jazz!", "I moved to Porto last week.")
			block := c.must(t, http.StatusOK, "POST", "/api/v1/users/ext:ada/context", object{"query": "Where is home?"}).text("context")
			if !strings.Contains(block, "] user: I moved to Porto last week.") || strings.Contains(block, "fact since "+time.Now().UTC().Format(time.DateOnly)+"] user: I live in Lisbon") {
				t.Errorf("the context is %s", block)
			}
			found := c.must(t, http.StatusOK, "POST", "/api/v1/users/ext:ada/memory/search", object{"query": "jazz", "types": []string{"fact"}})
			if items := found.list("data"); len(items) != 1 || items[0]["type"] != "fact" {
				t.Errorf("found %s", found.raw)
			}
			c.must(t, http.StatusNotFound, "DELETE", "/api/v1/users/ext:ada/conversations/ext:c1/memory/"+moved, nil) // where it is not
			c.untilFacts(t, "", "I love jazz!", "I moved to Porto last week.")
			c.must(t, http.StatusNoContent, "DELETE", "/api/v1/users/ext:ada/conversations/ext:c2/memory/"+moved, nil)
			c.untilFacts(t, "?include=superseded", "I live in Lisbon.", "I love jazz!")
			c.untilFacts(t, "", "I live in Lisbon.", "I love jazz!") // what it had superseded holds again
			say("c3", "I live in Rome.")
			c.untilFacts(t, "", "I love jazz!", "I live in Rome.")
			stated := c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "Prefers short answers", "valid_from": "2024-01-01T00:00:00Z"})
			fact := factsOfAda + "/" + stated.text("id")
			c.must(t, http.StatusOK, "PATCH", fact, object{"text": "Prefers long answers"})
			c.untilFacts(t, "?as_of=2024-06-01T00:00:00Z", "Prefers long answers")
			c.must(t, http.StatusOK, "PATCH", fact, object{"valid_to": "2024-05-01T00:00:00Z"})
			c.untilFacts(t, "?as_of=2024-06-01T00:00:00Z")
			changes := c.pages(t, auditPath+"?action=fact.updated") // Lisbon held again, and these two
			if len(changes) != 3 {
				t.Fatalf("the audit log has %v", changes)
			}
			if data, _ := changes[0]["data"].(map[string]any); len(data) != 2 || data["fact_id"] != stated.text("id") {
				t.Errorf("the newest change is %v", changes[0])
			}
			c.must(t, http.StatusNoContent, "DELETE", fact, nil)
			c.must(t, http.StatusNotFound, "DELETE", fact, nil)
			c.must(t, http.StatusNoContent, "DELETE", "/api/v1/users/ext:ada/memory", nil)
			c.untilFacts(t, "?include=superseded")
			if usage := c.must(t, http.StatusOK, "GET", "/api/v1/tenant/usage", nil); fmt.Sprint(usage.body["blobs"]) != "map[bytes:0 count:0]" {
				t.Errorf("blobs are counted: %v", usage.body["blobs"])
			}
		})
	}
}

func TestBadFactsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	c := register(t, s.URL, "badfacts", nil)
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", nil)
	for _, body := range []object{
		{}, {"text": ""}, {"text": strings.Repeat("x", 2001)}, {"text": 1}, {"text": "a", "valid_from": "yesterday"},
		{"text": "a", "source": object{"interaction_id": "nothing"}}, {"text": "a", "color": "red"}, {"text": "a", "source": "x"},
		{"text": "a", "valid_to": "2020-01-01T00:00:00Z"}, {"text": "a", "valid_from": "2021-01-01T00:00:00Z", "valid_to": "2020-01-01T00:00:00Z"},
		{"text": "a", "subject": ""}, {"text": "a", "attribute": "", "value": ""}, {"text": "a", "attribute": "likes", "value": ""},
		{"text": "a", "superseded_by": ""}, {"text": "a", "superseded_by": "x"},
	} {
		c.must(t, http.StatusUnprocessableEntity, "POST", factsOfAda, body)
	}
	c.must(t, http.StatusUnprocessableEntity, "GET", factsOfAda+"?include=all", nil)
	c.must(t, http.StatusUnprocessableEntity, "GET", factsOfAda+"?as_of=now", nil)
	c.must(t, http.StatusBadRequest, "GET", factsOfAda+"?cursor=x", nil)
	c.must(t, http.StatusNotFound, "GET", "/api/v1/users/ext:nobody/facts", nil)
	c.must(t, http.StatusNotFound, "PATCH", factsOfAda+"/fact_x", object{"text": "a"})
	c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "I live in Lisbon."})
	home := c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "I live in Porto."}).text("id")
	jazz := c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "I love jazz."}).text("id")
	if taken := c.must(t, http.StatusConflict, "PATCH", factsOfAda+"/"+jazz, object{"text": "I live in Rome."}); taken.text("existing_id") != home {
		t.Errorf("got %s", taken.raw)
	}
	other := register(t, s.URL, "other", nil)
	stated := c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "x"})
	other.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", nil)
	other.must(t, http.StatusNotFound, "DELETE", factsOfAda+"/"+stated.text("id"), nil)
}
