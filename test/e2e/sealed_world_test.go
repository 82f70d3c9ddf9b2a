package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	vaultkeys "github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/modelserver"
	"github.com/raven-memory/raven/test/process"
)

// deployment is a server, what it keeps its data in, and several tenants with
// everything that can be sealed.
type deployment struct {
	dir, redis string // redis is "" for the embedded store
	env        []string
	vault      *vault
	server     *process.Server
	tenants    []*resident
}

// resident is a tenant, and users of whom each wrote words of its own.
type resident struct {
	id    string
	word  string // the beginning of all words of its users
	c     *client
	users []settler
}

type settler struct {
	id            string    // the path of the user
	conversations [2]string // their paths
	word          string    // in all that it wrote, and in nothing else; with "a" or "b" after it, in what belongs to a conversation
}

// deploy starts a server whose tenants may have keys in Vault, with a model for
// vectors, and fills it.
func deploy(t *testing.T, env []string) *deployment {
	t.Helper()
	d := &deployment{dir: t.TempDir(), vault: newVault(t, backend.SharedVault(t))}
	for _, kv := range env {
		if url, ok := strings.CutPrefix(kv, "RAVEN_STORE_REDIS_URL="); ok {
			d.redis = url
		}
	}
	m := startModels(t, &modelserver.Server{})
	d.env = d.vault.env(m.settings("one", append(toLoopback, env...)...)...)
	d.start(t)
	for i := range 4 {
		d.settle(t, fmt.Sprint("tenant", i), i%2 == 1)
	}
	d.remember(t)
	d.leave(t)
	d.untilComputed(t)
	return d
}

func (d *deployment) start(t *testing.T) {
	t.Helper()
	d.server = start(t, d.dir, d.env...)
	for _, r := range d.tenants {
		r.c.url = d.server.URL
	}
}

// settle makes a tenant with two users of two conversations each; with a key of
// its own, or not. Every tenant's references are the same.
func (d *deployment) settle(t *testing.T, name string, ownKey bool) {
	t.Helper()
	r := &resident{word: "quetzal" + name}
	r.c = register(t, d.server.URL, r.word, object{"batch_size": 2, "webhook_url": "http://127.0.0.1:1/" + r.word})
	c := r.c
	r.id = c.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil).text("id")
	c.must(t, http.StatusCreated, "POST", "/api/v1/tenant/webhook/secret", nil, "Idempotency-Key", "secret")
	c.must(t, http.StatusCreated, "POST", "/api/v1/tenant/keys", object{"name": r.word, "scopes": "read_only"}, "Idempotency-Key", "key")
	if ownKey {
		d.vault.MakeKey(d.vault.mount, keyOf(t, c))
		c.must(t, http.StatusOK, "PATCH", "/api/v1/tenant", object{"settings": object{"encryption_mode": "tenant"}})
	}
	for i := range 2 {
		s := settler{word: fmt.Sprintf("%su%d", r.word, i)}
		user := s.ask(t, c, i)
		s.id = "/api/v1/users/" + user.text("id")
		for n, ref := range []string{"a", "b"} {
			s.conversations[n] = s.converse(t, c, ref)
		}
		c.must(t, http.StatusCreated, "POST", s.id+"/facts", object{"text": "I am fond of " + s.word}, "Idempotency-Key", fmt.Sprint("fact", i))
		c.must(t, http.StatusOK, "PATCH", s.id, object{"display_name": s.word + " again"})
		r.users = append(r.users, s)
	}
	d.tenants = append(d.tenants, r)
}

// ask makes the user, or has the answer to that repeated.
func (s settler) ask(t *testing.T, c *client, i int) answer {
	t.Helper()
	a, err := c.do("POST", "/api/v1/users", object{
		"external_ref": fmt.Sprint("u", i), "display_name": s.word, "metadata": object{"w": s.word},
	}, "Idempotency-Key", fmt.Sprint("user", i))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// converse makes a conversation with two blobs and one interaction buffered.
func (s settler) converse(t *testing.T, c *client, ref string) string {
	t.Helper()
	made := c.must(t, http.StatusCreated, "POST", s.id+"/conversations", object{"external_ref": ref, "title": s.word + ref}, "Idempotency-Key", ref)
	path := s.id + "/conversations/" + made.text("id")
	for n := range 5 {
		c.must(t, http.StatusCreated, "POST", path+"/memory", object{
			"interactions": []object{interaction(fmt.Sprintf("The %s%s flew over valley %d.", s.word, ref, n))},
		}, "Idempotency-Key", fmt.Sprint(ref, n))
	}
	c.must(t, http.StatusOK, "PATCH", path, object{"title": s.word + ref + " again"})
	return path
}

// remember has the first user of the first two tenants say so much that segments
// of an index are written.
func (d *deployment) remember(t *testing.T) {
	t.Helper()
	for _, r := range d.tenants[:2] {
		s := r.users[0]
		r.c.must(t, http.StatusOK, "PATCH", "/api/v1/tenant", object{"settings": object{"batch_size": 100}})
		r.c.must(t, http.StatusCreated, "POST", s.id+"/conversations", object{"external_ref": "long"})
		var list []object
		for n := range 250 {
			list = append(list, interaction(fmt.Sprintf("On day %d the %s sang of the river, the hill and the harvest.", n, s.word)))
		}
		for range 2 {
			r.c.must(t, http.StatusCreated, "POST", s.id+"/conversations/ext:long/memory", object{"interactions": list})
		}
		r.c.must(t, http.StatusOK, "POST", s.id+"/memory/search", object{"query": s.word})
	}
}

// leave makes a tenant that is told of its deletion, and nobody there to hear.
func (d *deployment) leave(t *testing.T) {
	t.Helper()
	c := register(t, d.server.URL, "leaver", object{"webhook_url": "http://127.0.0.1:1/leaver"})
	c.must(t, http.StatusCreated, "POST", "/api/v1/tenant/webhook/secret", nil)
	id := c.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil).text("id")
	c.must(t, http.StatusAccepted, "DELETE", "/api/v1/tenant?confirm="+id, nil)
}

// untilComputed waits for what comes after the answers: vectors and segments, and
// what the tenant that left is told.
func (d *deployment) untilComputed(t *testing.T) {
	t.Helper()
	wanted := []string{"/derived/index", "/derived/vectors", "/webhook/"}
	eventually(t, "segments, vectors and a last webhook", func() bool {
		var all strings.Builder
		for place := range d.raw(t).places {
			fmt.Fprintf(&all, "/%s/%s ", place.Kind, place.Record)
		}
		for _, want := range wanted {
			if !strings.Contains(all.String(), want) {
				for _, r := range d.tenants[:2] { // a question has the index built and kept
					_, _ = r.c.do("POST", r.users[0].id+"/memory/search", object{"query": "harvest"})
				}
				return false
			}
		}
		return true
	})
}

func (d *deployment) raw(t *testing.T) *raw {
	t.Helper()
	if d.redis == "" {
		return rawSQLite(t, d.dir)
	}
	return rawRedis(t, d.redis)
}

// keys opens every key of the deployment, with Vault's consent.
func (d *deployment) keys(t *testing.T) *keychain {
	t.Helper()
	store, end := d.open(t)
	defer end()
	if d.vault == nil {
		return keysIn(t, store, d.dir, nil)
	}
	client, err := vaultkeys.Open(vaultkeys.Options{
		Address: d.vault.addr, Mount: d.vault.mount, Timeout: patience,
		Auth: vaultkeys.Auth{Method: vaultkeys.MethodToken, Token: d.vault.token},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return keysIn(t, store, d.dir, client.Tenant())
}

func (d *deployment) open(t *testing.T) (wrappedKeys, func()) {
	t.Helper()
	if d.redis == "" {
		store, err := sqlite.Open(t.Context(), d.dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return store, func() { _ = store.Close() }
	}
	store, err := redis.Open(t.Context(), redis.Options{URL: d.redis})
	if err != nil {
		t.Fatal(err)
	}
	return store, func() { _ = store.Close() }
}
