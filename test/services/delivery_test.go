package services

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/raven-memory/raven/adapters/outbound"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/webhooks"
)

// wall is the machine's time, which receivers go by.
type wall struct{}

func (wall) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// mailbox is a receiver on the loopback. It verifies what it gets as the
// specification's own library does.
type mailbox struct {
	*httptest.Server
	t      *testing.T
	verify *standardwebhooks.Webhook

	mu      sync.Mutex
	taken   map[string]int // by webhook-id
	tries   int
	respond func(w http.ResponseWriter, id string) (taken bool)
}

func newMailbox(t *testing.T, secure bool, respond func(w http.ResponseWriter, id string) bool) *mailbox {
	t.Helper()
	m := &mailbox{t: t, taken: map[string]int{}, respond: respond}
	m.Server = httptest.NewUnstartedServer(m)
	if secure {
		m.StartTLS()
	} else {
		m.Start()
	}
	t.Cleanup(m.Close)
	return m
}

func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	if err := m.verify.Verify(body, r.Header); err != nil {
		m.t.Errorf("the receiver refuses a signature: %v", err)
	}
	var event struct{ ID, Type string }
	id := r.Header.Get("webhook-id")
	if err := json.Unmarshal(body, &event); err != nil || event.ID != id {
		m.t.Errorf("%s has the body %s", id, body)
	}
	if m.respond(w, id) {
		m.taken[id]++
	}
}

// sender is a tenant's webhook with what sends to it.
type sender struct {
	*world
	service *webhooks.Service
	caller  core.Caller
}

// newSender gives a tenant a webhook that leads to the mailbox.
func newSender(t *testing.T, m *mailbox, opt webhooks.Options) *sender {
	t.Helper()
	w := newWorld(t)
	allowed := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	w.tenancy = tenancy.New(w.tenancy.Deps, tenancy.Options{
		Defaults: core.DefaultSettings(), Ceilings: tenancy.Ceilings{MaxUsers: core.MaxQuota, MaxConversationsPerUser: core.MaxQuota, BatchSize: core.MaxBatchSize},
		FoldEmail: strings.ToLower, Webhooks: tenancy.WebhookRules{AllowNetworks: allowed, AllowHTTP: true},
	})
	client, err := outbound.New(outbound.Options{AllowNetworks: allowed, AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{world: w, service: webhooks.New(webhooks.Deps{
		Store: w.store, Tenants: w.tenancy, Post: client, Clock: wall{}, IDs: core.NewIDs(wall{}.Now, rand.Reader),
		Cursors: core.NewCursors(make([]byte, 32)), Random: rand.Reader, Chance: mathrand.Float64,
		Report: func(_ context.Context, doing string, err error) { t.Errorf("%s: %v", doing, err) },
	}, opt)}
	s.caller, _ = w.tenant("acme", withURL(m.URL))
	secret, _, err := s.service.NewSecret(w.ctx, s.caller, core.Op{})
	if err != nil {
		t.Fatal(err)
	}
	if m.verify, err = standardwebhooks.NewWebhook(secret); err != nil {
		t.Fatal(err)
	}
	return s
}

// run sends until stop is called.
func (s *sender) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer s.service.Wait()
		for ctx.Err() == nil {
			next, err := s.service.Send(ctx)
			if err != nil && ctx.Err() == nil {
				s.t.Error(err)
			}
			wait := time.Minute
			if !next.IsZero() {
				wait = time.Until(next)
			}
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			case <-s.service.Woken():
			}
			timer.Stop()
		}
	}()
	return sync.OnceFunc(func() {
		cancel()
		<-ended
	})
}

// relay hands the sink the tenant's events after seq, twice, and gives their ids.
func (s *sender) relay(after int64) (ids []string) {
	s.t.Helper()
	events, err := s.store.Events(s.ctx, s.caller.Tenant, after, 10_000)
	if err != nil {
		s.t.Fatal(err)
	}
	for range 2 {
		if err := s.service.Deliver(s.ctx, s.caller.Tenant, events); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, e := range events {
		ids = append(ids, string(e.ID))
	}
	return ids
}

// log is the tenant's whole log of deliveries.
func (s *sender) log() (all []core.Delivery) {
	s.t.Helper()
	cursor := ""
	for {
		page, err := s.service.Log(s.ctx, s.caller, cursor, 100)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// await waits until nothing is pending.
func (s *sender) await(limit time.Duration) {
	s.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		next, err := s.store.NextDelivery(s.ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if next.IsZero() {
			return
		}
		if time.Now().After(end) {
			s.t.Fatal("deliveries are still pending")
		}
	}
}

func TestReceiverThatFailsHalfTheTimeGetsEveryEvent(t *testing.T) {
	t.Parallel()
	const users = 300
	random := mathrand.New(mathrand.NewPCG(1, 2))
	m := newMailbox(t, false, func(w http.ResponseWriter, _ string) bool {
		switch random.IntN(10) {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case 2:
			w.WriteHeader(http.StatusNotFound)
		case 3:
			panic(http.ErrAbortHandler) // hangs up without an answer
		case 4:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.WriteHeader(http.StatusNoContent)
			return true
		}
		return false
	})
	schedule := []time.Duration{0}
	for range 40 {
		schedule = append(schedule, 50*time.Millisecond)
	}
	s := newSender(t, m, webhooks.Options{Schedule: schedule, Pause: 50 * time.Millisecond})
	for i := range users {
		ref := fmt.Sprint("u", i)
		if _, err := s.tenancy.CreateUser(s.ctx, s.caller, core.Op{}, tenancy.NewUser{ExternalRef: &ref}); err != nil {
			t.Fatal(err)
		}
	}
	want := s.relay(0)
	began := time.Now()
	stop := s.run()
	defer stop()
	s.await(time.Minute)
	took := time.Since(began)
	stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range want {
		if m.taken[id] != 1 {
			t.Errorf("%s was taken %d times", id, m.taken[id])
		}
	}
	attempts := 0
	for _, d := range s.log() {
		attempts += len(d.Attempts)
		if d.Status != core.DeliveryDelivered {
			t.Errorf("%s is %s", d.ID, d.Status)
		}
	}
	if len(want) != users+3 || len(m.taken) != len(want) || attempts != m.tries {
		t.Errorf("%d events, %d taken; %d attempts logged, %d made", len(want), len(m.taken), attempts, m.tries)
	}
	t.Logf("%d events, each taken once, in %d attempts, %v", len(want), m.tries, took.Round(time.Millisecond))
}

func TestBurstOfEventsReachesItsReceiver(t *testing.T) {
	t.Parallel()
	const users = 2000
	m := newMailbox(t, false, func(http.ResponseWriter, string) bool { return true })
	s := newSender(t, m, webhooks.Options{})
	most := int64(users)
	if _, err := s.tenancy.UpdateTenant(s.ctx, s.caller, tenancy.TenantPatch{Settings: tenancy.SettingsPatch{MaxUsers: core.Patch[int64]{Set: true, Value: &most}}}, 0); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range users / 16 {
				if _, err := s.tenancy.CreateUser(s.ctx, s.caller, core.Op{}, tenancy.NewUser{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := s.relay(0)
	began := time.Now()
	stop := s.run()
	defer stop()
	s.await(time.Minute)
	took := time.Since(began)
	if len(m.taken) != len(want) {
		t.Errorf("%d of %d were taken", len(m.taken), len(want))
	}
	t.Logf("%d deliveries to one receiver in %v: %.0f a second", len(want), took.Round(time.Millisecond), float64(len(want))/took.Seconds())
}
