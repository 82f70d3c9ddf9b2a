package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestSwappedRecordsAreRefused puts records of a store in each other's place, as
// whoever can write to it could: between tenants, users and conversations. What
// was swapped is refused, and nothing that somebody else wrote is in any answer.
func TestSwappedRecordsAreRefused(t *testing.T) {
	t.Parallel()
	for name, env := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, env)
			if leaks, _, asked := d.look(t, d.tenants, nil); leaks > 0 {
				t.Fatalf("%d of %d answers hold what others wrote before anything is swapped: the test is wrong", leaks, asked)
			}
			swaps, asked, refused := 0, 0, 0
			for _, s := range d.swaps() {
				a, r := d.try(t, s)
				swaps, asked, refused = swaps+1, asked+a, refused+r
			}
			t.Logf("%d swaps, %d requests after them, %d refused, none with what others wrote", swaps, asked, refused)
		})
	}
}

// swapping is two spots whose records of a kind change places.
type swapping struct {
	kind     string
	one, two spot
	// refuses are requests of the first spot's tenant that must fail; none where
	// what is computed from memory is computed anew.
	refuses []asking
}

type asking struct {
	method, path string
	body         any
}

// swaps are between tenants on the platform's keys, one of them and one with its
// own key, users of a tenant, and conversations of a user, of each kind for which
// there are two.
func (d *deployment) swaps() (list []swapping) {
	at := func(tenant, user, conversation int) spot {
		return spot{d.tenants[tenant], d.tenants[tenant].users[user], conversation}
	}
	pairs := []struct {
		who      string
		one, two spot
	}{
		{"tenants", at(0, 0, 0), at(2, 0, 0)},
		{"tenants with keys of their own", at(0, 0, 0), at(1, 0, 0)},
		{"users", at(2, 0, 0), at(2, 1, 0)},
		{"conversations", at(3, 0, 0), at(3, 0, 1)},
	}
	for i, p := range pairs {
		for _, kind := range []string{"tenant", "api key", "data key", "answer", "user", "fact", "index", "vectors", "conversation", "buffer", "blob"} {
			between := map[string]int{"tenant": 2, "api key": 2, "data key": 1, "answer": 2, "user": 3, "fact": 3, "index": 2, "vectors": 3}[kind]
			if between != 0 && i >= between || kind == "index" && i == 0 { // the third tenant has no index kept
				continue
			}
			list = append(list, swapping{kind, p.one, p.two, refusals(kind, p.one)})
		}
	}
	return list
}

// refusals are what reads a record of the kind, and nothing else of the spot's.
func refusals(kind string, of spot) []asking {
	talk := of.s.conversations[of.conversation]
	switch kind {
	case "tenant":
		return []asking{{"GET", "/api/v1/tenant", nil}}
	case "api key":
		return []asking{{"GET", "/api/v1/tenant/keys", nil}}
	case "data key":
		return []asking{{"GET", of.s.id, nil}, {"GET", talk + "/memory", nil}, {"POST", of.s.id + "/context", object{"query": "valley"}}}
	case "user":
		return []asking{{"GET", of.s.id, nil}, {"GET", "/api/v1/users", nil}, {"GET", of.s.id + "/export", nil}}
	case "fact":
		return []asking{{"GET", of.s.id + "/facts", nil}}
	case "conversation":
		return []asking{{"GET", talk, nil}, {"GET", of.s.id + "/conversations", nil}}
	case "buffer", "blob":
		return []asking{{"GET", talk + "/memory", nil}}
	}
	return nil
}

// try swaps, looks, and swaps back.
func (d *deployment) try(t *testing.T, s swapping) (asked, refused int) {
	t.Helper()
	d.exchange(t, s)
	d.start(t)
	tenants := []*resident{s.one.r}
	if s.two.r != s.one.r {
		tenants = append(tenants, s.two.r)
	}
	leaks, refused, asked := d.look(t, tenants, &s)
	if leaks > 0 {
		t.Errorf("%s of %s and %s swapped: %d of %d answers hold what others wrote", s.kind, s.one.s.word, s.two.s.word, leaks, asked)
	}
	for _, q := range s.refuses {
		a, err := s.one.r.c.do(q.method, q.path, q.body)
		if err == nil && a.status < http.StatusBadRequest && !strings.HasSuffix(q.path, "/export") {
			t.Errorf("%s swapped with that of %s: %s %s is answered %d %.300s", s.kind, s.two.s.word, q.method, q.path, a.status, a.raw)
		}
		asked, refused = asked+1, refused+1
	}
	d.exchange(t, s)
	return asked, refused
}

func (d *deployment) exchange(t *testing.T, s swapping) {
	t.Helper()
	d.server.Stop()
	shelf, end := d.shelf(t)
	defer end()
	swap(t, shelf, shelf.find(t, s.kind, s.one), shelf.find(t, s.kind, s.two))
}

// look asks tenants for all they have, and counts the answers that hold what is
// not theirs, or of another user, or of another conversation, and those refused.
func (d *deployment) look(t *testing.T, tenants []*resident, after *swapping) (leaks, refused, asked int) {
	t.Helper()
	for _, r := range tenants {
		for i, s := range r.users {
			if a := s.ask(t, r.c, i); d.leaks(t, r, s.word, "", a) {
				leaks++
			}
		}
		for _, v := range d.views(r) {
			a, err := r.c.do(v.method, v.path, v.body)
			asked++
			if err != nil { // a stream that broke off
				refused++
				continue
			}
			if a.status >= http.StatusBadRequest {
				refused++
			}
			if after == nil && a.status != http.StatusOK {
				t.Errorf("%s %s: %d %.300s", v.method, v.path, a.status, a.raw)
			}
			if d.leaks(t, r, v.word, v.not, a) {
				leaks++
			}
		}
	}
	return leaks, refused, asked
}

// view is a request, the words that may be in its answer begin with, and one that
// may not.
type view struct {
	asking
	word, not string
}

func (d *deployment) views(r *resident) []view {
	list := []view{
		{asking{"GET", "/api/v1/tenant", nil}, r.word, ""}, {asking{"GET", "/api/v1/tenant/keys", nil}, r.word, ""},
		{asking{"GET", "/api/v1/users", nil}, r.word, ""}, {asking{"GET", "/api/v1/tenant/webhook/deliveries", nil}, r.word, ""},
	}
	for _, s := range r.users {
		for _, path := range []string{"", "/conversations", "/facts", "/memory", "/export"} {
			list = append(list, view{asking{"GET", s.id + path, nil}, s.word, ""})
		}
		list = append(list, view{asking{"POST", s.id + "/memory/search", object{"query": "valley " + s.word}}, s.word, ""},
			view{asking{"POST", s.id + "/context", object{"query": "Which valley?"}}, s.word, ""})
		for n, path := range s.conversations {
			not := s.word + []string{"b", "a"}[n]
			list = append(list, view{asking{"GET", path, nil}, s.word, not}, view{asking{"GET", path + "/memory", nil}, s.word, not})
		}
	}
	return list
}

// leaks reports whether an answer holds a word that does not begin with the one
// it may hold, or the one that it may not.
func (d *deployment) leaks(t *testing.T, r *resident, word, not string, a answer) bool {
	t.Helper()
	text := strings.ToLower(string(a.raw))
	for _, other := range d.words() {
		if !strings.HasPrefix(other, word) && !strings.HasPrefix(word, other) && strings.Contains(text, other) || not != "" && strings.Contains(text, not) {
			t.Errorf("%s is answered, as %s or below, with what is %s: %d %.300s", r.word, word, fmt.Sprint(other, not), a.status, a.raw)
			return true
		}
	}
	return false
}

// words are of all users, and of all tenants.
func (d *deployment) words() (list []string) {
	for _, r := range d.tenants {
		list = append(list, r.word)
		for _, s := range r.users {
			list = append(list, s.word)
		}
	}
	return slices.Clip(list)
}
