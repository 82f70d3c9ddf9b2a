package failpoints

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/test/contract"
)

// What differs between two runs of the same: ids, times, and what is made of them.
var (
	anID    = regexp.MustCompile(`\b(ten|key|usr|cnv|int|blob|fact|evt)_[0-9a-z]{26}\b`)
	aTime   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	aPrefix = regexp.MustCompile(`rk_(live|test)_[0-9A-Za-z]{8}`)
)

// passing are fields whose value says nothing of what is stored.
var passing = []string{"rate", "score", "duration_ms", "attempts", "next_attempt_at", "last_used_at", "seq", "context", "token_count", "timestamp", "actor", "size_bytes", "bytes"}

// names gives ids the names of their first appearances.
type names map[string]string

func (n names) of(text string) string {
	text = anID.ReplaceAllStringFunc(text, func(id string) string {
		if n[id] == "" {
			kind, _, _ := strings.Cut(id, "_")
			n[id] = fmt.Sprintf("%s#%d", kind, len(n))
		}
		return n[id]
	})
	return aPrefix.ReplaceAllString(aTime.ReplaceAllString(text, "TIME"), "PREFIX")
}

// plain takes passing fields out of JSON.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range passing {
			delete(v, name)
		}
		for name := range v {
			v[name] = plain(v[name])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	}
	return v
}

// telling collects what a tenant's key can see.
type telling struct {
	*world
	names names
	lines []string
}

func (l *telling) ask(path string) map[string]any { return l.send(request{method: "GET", path: path}) }

// send notes an answer, and gives it.
func (l *telling) send(r request) map[string]any {
	a := l.do(r)
	var v map[string]any
	if json.Unmarshal(a.body, &v) != nil {
		v = map[string]any{"body": string(a.body)}
	}
	text, _ := json.Marshal(plain(v))
	l.lines = append(l.lines, l.names.of(fmt.Sprintf("%s %s: %d %s", r.method, l.fill(r.path), a.status, text)))
	if a.status >= 500 {
		l.Errorf("%s %s: %s", r.method, l.fill(r.path), a)
	}
	return v
}

// list is the items of a list, by their ids.
func ids(v map[string]any) (list []string) {
	data, _ := v["data"].([]any)
	for _, one := range data {
		item, _ := one.(map[string]any)
		id, _ := item["id"].(string)
		list = append(list, id)
	}
	return list
}

// state is everything that a tenant's key can see, in words that are the same for
// two worlds in which the same was done.
func (w *world) state() string {
	l := &telling{world: w, names: names{}}
	l.ask("/tenant")
	l.ask("/tenant/usage")
	l.ask("/tenant/keys?limit=100")
	l.ask("/tenant/encryption")
	for _, user := range ids(l.ask("/users?limit=100")) {
		l.user("/users/" + user)
	}
	l.sorted(request{method: "GET", path: "/tenant/audit?limit=100"})
	l.sorted(request{method: "GET", path: "/tenant/webhook/deliveries?limit=100"})
	return strings.Join(l.lines, "\n")
}

func (l *telling) user(path string) {
	for _, c := range ids(l.ask(path + "/conversations?limit=100")) {
		l.ask(path + "/conversations/" + c + "/memory?limit=20")
	}
	for _, b := range ids(l.ask(path + "/memory?limit=20")) {
		l.ask(path + "/memory/" + b)
	}
	l.ask(path + "/facts?include=superseded&limit=100")
	l.send(request{method: "POST", path: path + "/memory/search", body: `{"query":"harbour","limit":50}`})
}

// sorted notes the items of a list without their ids, in no order but their own.
func (l *telling) sorted(r request) {
	at := len(l.lines)
	v := l.send(r)
	data, _ := v["data"].([]any)
	if len(data) == 0 {
		return
	}
	l.lines = l.lines[:at]
	var items []string
	for _, one := range data {
		item, _ := one.(map[string]any)
		delete(item, "id")
		delete(item, "event_id")
		text, _ := json.Marshal(item)
		items = append(items, anID.ReplaceAllString(aTime.ReplaceAllString(string(text), "TIME"), "$1"))
	}
	sort.Strings(items)
	l.lines = append(l.lines, r.path)
	l.lines = append(l.lines, items...)
}

// whole looks into the store: counters beside a recount, numbers without gaps,
// changes, and the chain of every audit log. It gives how many tenants there are.
func (w *world) whole() (tenants int) {
	w.Helper()
	s, err := w.place.look(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	defer s.Close()
	at := contract.NewWorld(w.T, s)
	all, err := s.TenantIDs(w.Context(), "", 1000)
	if err != nil {
		w.Fatal(err)
	}
	for _, id := range append(all, core.DeploymentTenant) {
		v, err := audit.Verify(w.Context(), s, id, audit.Verification{Key: w.auditKey})
		if err != nil && !errors.Is(err, audit.ErrNoLog) {
			w.Errorf("the audit log of %s: %v", id, err)
		}
		if id == core.DeploymentTenant {
			continue
		}
		if w.moved {
			at.RecountMoved(id)
		} else {
			at.Recount(id)
		}
		if v.Entries < int64(w.entries(s, id)) {
			w.Errorf("of %d events of %s %d are verified", w.entries(s, id), id, v.Entries)
		}
	}
	return len(all)
}

func (w *world) entries(s store, id core.TenantID) int {
	list, err := s.AuditEntries(w.Context(), id, 0, 1000)
	if err != nil {
		w.Fatal(err)
	}
	return len(list)
}

// bystander is what another tenant sees, byte for byte.
func (w *world) bystander() string {
	w.Helper()
	var b strings.Builder
	tell := func(path string) answer {
		a := w.must(request{method: "GET", path: path, key: "{other key}"})
		b.Write(a.body)
		return a
	}
	tell("/tenant")
	tell("/tenant/encryption")
	tell("/tenant/audit?limit=100")
	tell("/users?limit=100")
	tell("/users/ext:ada")
	tell("/users/ext:ada/conversations")
	tell("/users/ext:ada/conversations/ext:one/memory")
	tell("/users/ext:ada/memory")
	tell("/users/ext:ada/facts")
	tell("/users/ext:ada/export")
	return b.String()
}

// difference shows where two texts part.
func difference(got, want string) string {
	g, s := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(s)) {
		if g[i] != s[i] {
			return fmt.Sprintf("\n got %s\nwant %s", g[i], s[i])
		}
	}
	return fmt.Sprintf("\n got %d lines\nwant %d lines", len(g), len(s))
}
