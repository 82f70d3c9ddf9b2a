package upgrade

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

const patience = 60 * time.Second

type object map[string]any

// client calls a server as a tenant.
type client struct {
	t   *testing.T
	url string
	key string
}

// ask sends a request and gives the status and the body of the answer.
func (c client) ask(method, path string, body any) (status int, answer object) {
	c.t.Helper()
	said, err := process.Call(c.t.Context(), http.DefaultClient, method, c.url+"/api/v1"+path, c.key, body)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = json.Unmarshal(said.Body, &answer)
	return said.Status, answer
}

// must is ask for a request that has to succeed.
func (c client) must(method, path string, body any) object {
	c.t.Helper()
	status, answer := c.ask(method, path, body)
	if status >= 300 {
		c.t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

func (c client) say(conversation, text string) {
	c.t.Helper()
	c.must("POST", "/users/ext:ada/conversations/ext:"+conversation+"/memory", object{"interactions": []object{{"role": "user", "content": text}}})
}

// finds tells whether a search has a text among its best.
func (c client) finds(query, text string) bool {
	c.t.Helper()
	found := c.must("POST", "/users/ext:ada/memory/search", object{"query": query})
	items, _ := found["data"].([]any)
	for _, item := range items {
		if item, _ := item.(map[string]any); item["text"] == text {
			return true
		}
	}
	return false
}

func (c client) until(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatal("waited in vain for " + what)
		}
	}
}

// lacks names what of an earlier answer is not in a later one, which may hold
// more; "" for nothing.
func lacks(earlier, later any, at string) string {
	switch earlier := earlier.(type) {
	case map[string]any:
		later, _ := later.(map[string]any)
		for name, value := range earlier {
			if what := lacks(value, later[name], at+"."+name); what != "" {
				return what
			}
		}
		return ""
	case []any:
		later, _ := later.([]any)
		if len(later) != len(earlier) {
			return fmt.Sprintf("%s has %d, not %d", at, len(later), len(earlier))
		}
		for i, value := range earlier {
			if what := lacks(value, later[i], fmt.Sprintf("%s[%d]", at, i)); what != "" {
				return what
			}
		}
		return ""
	default:
		if earlier != later {
			return fmt.Sprintf("%s is %v, not %v", at, later, earlier)
		}
		return ""
	}
}
