package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
)

// The crash test's size. RAVEN_TEST_KILLS asks for more kills.
const (
	writers       = 16
	conversations = 4
	defaultKills  = 20
)

// write is one ingest call as its client saw it.
type write struct {
	conversation int
	key          string // its Idempotency-Key; "" for none
	contents     []string
	ids          []string // as acknowledged; nil while it is not
}

// ledger is what the clients know.
type ledger struct {
	mu     sync.Mutex
	writes []*write
}

func (l *ledger) add(w *write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, w)
}

// TestKillNineLosesAndDoublesNothing kills the server again and again while 16
// writers ingest, then holds what is stored against what was acknowledged.
func TestKillNineLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	kills := defaultKills
	if n, err := strconv.Atoi(os.Getenv("RAVEN_TEST_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))

	dir := t.TempDir()
	s := start(t, dir)
	owner := register(t, s.URL, "crash", object{"batch_size": 7, "rate_limit_per_minute": nil})
	owner.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	for i := range conversations {
		owner.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": fmt.Sprint("c", i)})
	}
	var book ledger
	var url atomic.Pointer[string]
	url.Store(&s.URL)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { (&writer{id: i, key: owner.key, url: &url, book: &book}).run(ctx) })
	}
	for range kills {
		time.Sleep(time.Duration(50+random.IntN(450)) * time.Millisecond) // a random moment, not a wait for something
		s.Kill()
		s = start(t, dir, "RAVEN_LIMITS_RATE_PER_MINUTE=0")
		url.Store(&s.URL)
	}
	cancel()
	wg.Wait()

	owner.url = s.URL
	acked, replayed := settle(t, owner, &book)
	got := stored(t, owner)
	lost, doubled, torn := book.compare(got)
	t.Logf("kills %d, writes %d, acknowledged %d (%d by a repeat after a kill), interactions stored %d, lost %d, duplicated %d, torn %d",
		kills, len(book.writes), acked, replayed, len(got), lost, doubled, torn)
	if lost+doubled+torn > 0 {
		t.Error("what is stored is not what was acknowledged")
	}
	if acked < kills {
		t.Errorf("only %d writes were acknowledged; the test proves little", acked)
	}
	checkUsage(t, owner, int64(len(got)))
	if code := s.Stop(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	checkEvents(t, dir, owner)
}

// writer ingests until ctx ends, half of its calls with an Idempotency-Key that
// it repeats until the call is answered.
type writer struct {
	id   int
	key  string
	url  *atomic.Pointer[string]
	book *ledger
}

func (w *writer) run(ctx context.Context) {
	c := newClient("")
	c.key = w.key
	for n := 0; ctx.Err() == nil; n++ {
		one := &write{conversation: (w.id + n) % conversations}
		for i := range 1 + n%3 {
			one.contents = append(one.contents, fmt.Sprintf("writer %d call %d part %d", w.id, n, i))
		}
		if n%2 == 0 {
			one.key = fmt.Sprintf("w%d-%d", w.id, n)
		}
		w.book.add(one)
		for try := 0; ctx.Err() == nil && (try == 0 || one.key != "" && one.ids == nil); try++ {
			c.url = *w.url.Load()
			if ids, err := ingest(c, one); err == nil {
				one.ids = ids
			} else if try > 0 {
				time.Sleep(20 * time.Millisecond) // the server may be starting
			}
		}
	}
}

func ingest(c *client, w *write) ([]string, error) {
	var list []object
	for _, content := range w.contents {
		list = append(list, interaction(content))
	}
	var headers []string
	if w.key != "" {
		headers = []string{"Idempotency-Key", w.key}
	}
	a, err := c.do("POST", fmt.Sprintf("/api/v1/users/ext:u/conversations/ext:c%d/memory", w.conversation), object{"interactions": list}, headers...)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusCreated {
		return nil, fmt.Errorf("%d: %s", a.status, a.raw)
	}
	var ids []string
	items, _ := a.body["interaction_ids"].([]any)
	for _, id := range items {
		s, _ := id.(string)
		ids = append(ids, s)
	}
	return ids, nil
}

// settle repeats what has an Idempotency-Key and no answer, as its client would.
func settle(t *testing.T, c *client, book *ledger) (acked, replayed int) {
	t.Helper()
	for _, w := range book.writes {
		if w.ids == nil && w.key != "" {
			ids, err := ingest(c, w)
			if err != nil {
				t.Fatalf("a repeat under its Idempotency-Key is refused: %v", err)
			}
			w.ids = ids
			replayed++
		}
		if w.ids != nil {
			acked++
		}
	}
	return acked, replayed
}

type place struct {
	conversation, at int
	id               string
}

// stored reads everything back, in order; a content's places are where it is.
func stored(t *testing.T, c *client) map[string][]place {
	t.Helper()
	got := map[string][]place{}
	for i := range conversations {
		list := c.pages(t, fmt.Sprintf("/api/v1/users/ext:u/conversations/ext:c%d/memory", i))
		for at, in := range list {
			content, _ := in["content"].(string)
			id, _ := in["id"].(string)
			got[content] = append(got[content], place{i, at, id})
		}
	}
	return got
}

// compare counts acknowledged contents that are missing or changed, contents
// that are there twice, and calls of which a part is there.
func (l *ledger) compare(got map[string][]place) (lost, doubled, torn int) {
	for _, w := range l.writes {
		present := 0
		for i, content := range w.contents {
			places := got[content]
			switch {
			case len(places) > 1:
				doubled++
			case len(places) == 0 && w.ids != nil:
				lost++
			case len(places) == 1 && w.ids != nil && (places[0].id != w.ids[i] || places[0].conversation != w.conversation):
				lost++
			}
			if len(places) == 1 {
				present++
				if first := got[w.contents[0]]; len(first) == 1 && places[0].at != first[0].at+i {
					torn++
				}
			}
		}
		if present != 0 && present != len(w.contents) {
			torn++
		}
	}
	return lost, doubled, torn
}

func checkUsage(t *testing.T, c *client, want int64) {
	t.Helper()
	usage := c.must(t, http.StatusOK, "GET", "/api/v1/tenant/usage", nil)
	interactions, _ := usage.body["interactions"].(map[string]any)
	if got, _ := interactions["stored"].(float64); int64(got) != want {
		t.Errorf("usage counts %v interactions, there are %d", got, want)
	}
}

// checkEvents opens the store of the stopped server: every event is there,
// numbered without gaps, and the flushes counted are the blobs there are.
func checkEvents(t *testing.T, dir string, c *client) {
	t.Helper()
	ctx := context.Background()
	store, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ids, err := store.TenantIDs(ctx, "", 10)
	if err != nil || len(ids) != 1 {
		t.Fatalf("tenants %v, %v", ids, err)
	}
	var last, blobs int64
	for {
		events, err := store.Events(ctx, ids[0], last, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if e.Seq != last+1 {
				t.Fatalf("event %d follows %d", e.Seq, last)
			}
			last = e.Seq
			if n, ok := e.Data["blobs"].(int64); ok && e.Type == core.EventMemoryFlushed {
				blobs += n
			}
		}
	}
	usage, err := store.Usage(ctx, ids[0])
	if err != nil || usage.Blobs != blobs {
		t.Errorf("%d blobs are stored (%v), %d were flushed by events", usage.Blobs, err, blobs)
	}
	t.Logf("events 1…%d without gaps, %d blobs", last, blobs)
}
