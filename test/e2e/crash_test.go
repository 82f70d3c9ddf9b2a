package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/process"
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

// trial is a server under load that is interrupted again and again.
type trial struct {
	t      *testing.T
	dir    string
	env    []string
	server *process.Server
	owner  *client
	url    atomic.Pointer[string]
	book   ledger
}

func newTrial(t *testing.T, dir string, env ...string) *trial {
	t.Helper()
	tr := &trial{t: t, dir: dir, env: append(env, "RAVEN_LIMITS_RATE_PER_MINUTE=0")}
	tr.start()
	tr.owner = register(t, tr.server.URL, "crash", object{"batch_size": 7})
	tr.owner.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	for i := range conversations {
		tr.owner.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": fmt.Sprint("c", i)})
	}
	return tr
}

func (tr *trial) start() {
	tr.t.Helper()
	tr.server = start(tr.t, tr.dir, tr.env...)
	tr.url.Store(&tr.server.URL)
}

// run interrupts as often as the environment says, then compares.
func (tr *trial) run(interrupt func()) {
	tr.t.Helper()
	tr.runTimes(kills(defaultKills), interrupt)
}

// kills is how often the environment says to kill, or so many times.
func kills(otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv("RAVEN_TEST_KILLS")); err == nil {
		return n
	}
	return otherwise
}

func (tr *trial) runTimes(kills int, interrupt func()) {
	t := tr.t
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { (&writer{id: i, key: tr.owner.key, url: &tr.url, book: &tr.book}).run(ctx) })
	}
	for range kills {
		time.Sleep(time.Duration(50+random.IntN(450)) * time.Millisecond) // a random moment, not a wait for something
		interrupt()
	}
	cancel()
	wg.Wait()

	tr.owner.url = tr.server.URL
	acked, replayed := settle(t, tr.owner, &tr.book)
	got := stored(t, tr.owner)
	lost, doubled, torn := tr.book.compare(got)
	t.Logf("seed %d, kills %d, writes %d, acknowledged %d (%d by a repeat at the end), interactions stored %d, lost %d, duplicated %d, torn %d",
		seed, kills, len(tr.book.writes), acked, replayed, len(got), lost, doubled, torn)
	if lost+doubled+torn > 0 {
		t.Error("what is stored is not what was acknowledged")
	}
	if acked < kills {
		t.Errorf("only %d writes were acknowledged; the test proves little", acked)
	}
	checkUsage(t, tr.owner, int64(len(got)))
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
			ids, err := ingest(c, one)
			if one.ids = ids; errors.Is(err, errRunning) {
				break // until the lease of the killed process runs out; settle repeats it
			}
			if err != nil && try > 0 {
				time.Sleep(20 * time.Millisecond) // the server may be starting
			}
		}
	}
}

var errRunning = errors.New("the first request with the key is still running")

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
	if a.text("code") == "idempotency_in_progress" {
		return nil, errRunning
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
			end := time.Now().Add(patience)
			for w.ids == nil {
				ids, err := ingest(c, w)
				if err != nil && time.Now().After(end) {
					t.Fatalf("a repeat under its Idempotency-Key is refused: %v", err)
				}
				if w.ids = ids; err != nil {
					time.Sleep(50 * time.Millisecond) // the lease of a process that is gone runs out by time
				}
			}
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

// events is what checkEvents reads of a store.
type events interface {
	TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)
	Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error)
	AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error)
	Usage(ctx context.Context, id core.TenantID) (core.Usage, error)
}

// after lists events after one: from the audit log, then from the outbox, what
// is not in the log yet.
func after(t *testing.T, store events, tenant core.TenantID, last int64) []core.Event {
	t.Helper()
	entries, err := store.AuditEntries(t.Context(), tenant, last, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var list []core.Event
	for _, e := range entries {
		list = append(list, e.Event)
	}
	if len(list) == 0 {
		if list, err = store.Events(t.Context(), tenant, last, 1000); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// checkEvents reads the one tenant's events from the store itself: every event
// is there once, numbered without gaps, and the flushes counted are the blobs
// there are.
func checkEvents(t *testing.T, store events) {
	t.Helper()
	ids, err := store.TenantIDs(t.Context(), "", 10)
	if err != nil || len(ids) != 1 {
		t.Fatalf("tenants %v, %v", ids, err)
	}
	var last, blobs int64
	known := map[core.EventID]bool{}
	for {
		list := after(t, store, ids[0], last)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if e.Seq != last+1 || known[e.ID] {
				t.Fatalf("event %d, %s, follows %d (known: %v)", e.Seq, e.ID, last, known[e.ID])
			}
			last, known[e.ID] = e.Seq, true
			if n, ok := e.Data["blobs"].(int64); ok && e.Type == core.EventMemoryFlushed {
				blobs += n
			}
		}
	}
	usage, err := store.Usage(t.Context(), ids[0])
	if err != nil || usage.Blobs != blobs {
		t.Errorf("%d blobs are stored (%v), %d were flushed by events", usage.Blobs, err, blobs)
	}
	t.Logf("events 1…%d without gaps, %d blobs", last, blobs)
}
