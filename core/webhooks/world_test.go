package webhooks_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/webhooks"
)

type clock struct{}

func (clock) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// deliveries is ports.Deliveries in memory.
type deliveries struct {
	mu    sync.Mutex
	list  []core.DueDelivery
	index map[string]int
	asked atomic.Int64
	saved atomic.Int64
	down  atomic.Bool
}

var errDown = core.Unavailable(errors.New("down"))

func (s *deliveries) at(tenant core.TenantID, id core.DeliveryID) int {
	if i, ok := s.index[string(tenant)+string(id)]; ok {
		return i
	}
	return -1
}

func (s *deliveries) AddDeliveries(_ context.Context, tenant core.TenantID, list []core.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down.Load() {
		return errDown
	}
	if tenant == gone {
		return core.NotFound()
	}
	for _, d := range list {
		if s.at(tenant, d.ID) < 0 {
			d.Position = int64(len(s.list) + 1)
			s.index[string(tenant)+string(d.ID)] = len(s.list)
			s.list = append(s.list, core.DueDelivery{Tenant: tenant, Delivery: d})
		}
	}
	return nil
}

func (s *deliveries) TakeDeliveries(_ context.Context, now, until time.Time, limit, perTenant int) ([]core.DueDelivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked.Add(1)
	if s.down.Load() {
		return nil, errDown
	}
	due := []int{}
	for i, d := range s.list {
		if d.Status == core.DeliveryPending && !d.NextAt.After(now) {
			due = append(due, i)
		}
	}
	slices.SortStableFunc(due, func(a, b int) int { return s.list[a].NextAt.Compare(s.list[b].NextAt) })
	var taken []core.DueDelivery
	of := map[core.TenantID]int{}
	for _, i := range due {
		if d := &s.list[i]; len(taken) < limit && of[d.Tenant] < perTenant {
			d.NextAt = until
			of[d.Tenant]++
			taken = append(taken, *d)
		}
	}
	return taken, nil
}

func (s *deliveries) SaveDelivery(ctx context.Context, tenant core.TenantID, d core.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved.Add(1)
	if s.down.Load() || ctx.Err() != nil {
		return errDown
	}
	i := s.at(tenant, d.ID)
	if i < 0 {
		return core.NotFound()
	}
	s.list[i].Status, s.list[i].Attempts, s.list[i].NextAt = d.Status, slices.Clone(d.Attempts), d.NextAt
	return nil
}

func (s *deliveries) PendingDeliveries(_ context.Context, tenant core.TenantID) (count int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.list {
		if d.Tenant == tenant && d.Status == core.DeliveryPending {
			count++
		}
	}
	return count, nil
}

func (s *deliveries) Delivery(_ context.Context, tenant core.TenantID, id core.DeliveryID) (core.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.at(tenant, id)
	if i < 0 {
		return core.Delivery{}, core.NotFound()
	}
	return s.list[i].Delivery, nil
}

func (s *deliveries) Deliveries(_ context.Context, tenant core.TenantID, page core.Page) ([]core.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []core.Delivery
	for _, d := range slices.Backward(s.list) {
		if d.Tenant == tenant && (page.After == 0 || d.Position < page.After) && len(list) < page.Limit {
			list = append(list, d.Delivery)
		}
	}
	return list, nil
}

func (s *deliveries) NextDelivery(context.Context) (next time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked.Add(1)
	for _, d := range s.list {
		if d.Status == core.DeliveryPending && (next.IsZero() || d.NextAt.Before(next)) {
			next = d.NextAt
		}
	}
	return next, nil
}

// all lists what there is, by tenant and position.
func (s *deliveries) all() []core.DueDelivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.list)
	slices.SortStableFunc(list, func(a, b core.DueDelivery) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return list
}

// hooks knows tenants' webhooks.
type hooks struct {
	mu sync.Mutex
	of map[core.TenantID]core.Webhook
	op map[string]core.Webhook
}

func (h *hooks) Webhook(_ context.Context, tenant core.TenantID) (core.Webhook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hook, ok := h.of[tenant]
	if !ok {
		return core.Webhook{}, core.NotFound()
	}
	return hook, nil
}

func (h *hooks) AddWebhookSecret(_ context.Context, caller core.Caller, op core.Op, secret []byte) (core.Webhook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if done, ok := h.op[op.ID]; ok {
		return done, nil
	}
	hook := h.of[caller.Tenant]
	secrets := []core.WebhookSecret{{Secret: slices.Clone(secret)}}
	for i, old := range hook.Secrets {
		if i == 0 {
			old.Until = clock{}.Now().Add(24 * time.Hour)
		}
		secrets = append(secrets, old)
	}
	hook.Secrets = secrets
	h.of[caller.Tenant] = hook
	if op.ID != "" {
		h.op[op.ID] = hook
	}
	return hook, nil
}

// FormerWebhook takes the sealed for the URL that a secret of zeros signs for.
func (h *hooks) FormerWebhook(_ context.Context, _ core.TenantID, _ core.EventID, sealed []byte) (core.Webhook, error) {
	if len(sealed) == 0 {
		return core.Webhook{}, core.ErrSealed
	}
	return core.Webhook{URL: string(sealed), Secrets: []core.WebhookSecret{{Secret: make([]byte, 32)}}}, nil
}

func (h *hooks) DisableWebhook(_ context.Context, tenant core.TenantID, url string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	hook := h.of[tenant]
	hook.Disabled = hook.Disabled || hook.URL == url
	h.of[tenant] = hook
	return nil
}

func (h *hooks) set(tenant core.TenantID, change func(*core.Webhook)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hook := h.of[tenant]
	change(&hook)
	h.of[tenant] = hook
}

// post is one request that a receiver got.
type post struct {
	at      time.Time
	url     string
	headers map[string]string
	body    string
}

func (p post) id() string { return p.headers["webhook-id"] }

// receivers takes what is posted. answer decides; it may block until ctx ends.
type receivers struct {
	mu       sync.Mutex
	got      []post
	underWay map[string]int
	most     map[string]int // under way at a time
	answer   func(ctx context.Context, p post) (status int, retryAfter time.Duration, err error)
}

func (r *receivers) Post(ctx context.Context, url string, headers map[string]string, body []byte) (int, time.Duration, error) {
	p := post{clock{}.Now(), url, headers, string(body)}
	r.mu.Lock()
	r.got = append(r.got, p)
	r.underWay[url]++
	r.most[url] = max(r.most[url], r.underWay[url])
	answer := r.answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.underWay[url]--
		r.mu.Unlock()
	}()
	return answer(ctx, p)
}

// will has the receivers answer so from now on.
func (r *receivers) will(answer func(ctx context.Context, p post) (int, time.Duration, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receivers) posts() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receivers) mostOf(url string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most[url]
}

func answers(status int) func(context.Context, post) (int, time.Duration, error) {
	return func(context.Context, post) (int, time.Duration, error) { return status, 0, nil }
}

func never(ctx context.Context, _ post) (int, time.Duration, error) {
	<-ctx.Done()
	return 0, 0, &core.Error{Code: core.CodeUnavailable, Message: "The receiver did not answer in time.", Cause: ctx.Err()}
}

const gone core.TenantID = "ten_01jz0000000000000000000gne"

// world is a sender over its own store and receivers, in time that passes by
// itself when all wait.
type world struct {
	t         *testing.T
	ids       *core.IDs
	store     *deliveries
	hooks     *hooks
	receivers *receivers
	service   *webhooks.Service
	seq       atomic.Int64
	mayReport bool
}

func inWorld(t *testing.T, opt webhooks.Options, run func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, ids: core.NewIDs(clock{}.Now, rand.Reader), store: &deliveries{index: map[string]int{}},
			hooks:     &hooks{of: map[core.TenantID]core.Webhook{}, op: map[string]core.Webhook{}},
			receivers: &receivers{underWay: map[string]int{}, most: map[string]int{}, answer: answers(http.StatusOK)},
		}
		w.service = w.newService(opt)
		run(t, w)
	})
}

func (w *world) newService(opt webhooks.Options) *webhooks.Service {
	return webhooks.New(webhooks.Deps{
		Store: w.store, Tenants: w.hooks, Post: w.receivers, Clock: clock{}, IDs: w.ids, Cursors: core.NewCursors(make([]byte, 32)),
		Random: rand.Reader, Chance: mathrand.Float64,
		Report: func(_ context.Context, doing string, err error) {
			if !w.store.down.Load() && !w.mayReport {
				w.t.Errorf("%s: %v", doing, err)
			}
		},
	}, opt)
}

// send runs a service's sender until stop is called, or the test ends.
func (w *world) send(s *webhooks.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			next, err := s.Send(ctx)
			if err != nil {
				next = time.Now().Add(time.Second)
			} else if next.IsZero() {
				next = time.Now().Add(10 * time.Minute)
			}
			timer := time.NewTimer(time.Until(next))
			select {
			case <-ctx.Done():
			case <-timer.C:
			case <-s.Woken():
			}
			timer.Stop()
		}
		s.Wait()
	}()
	stop = func() {
		cancel()
		<-ended
	}
	w.t.Cleanup(stop)
	return stop
}

// tenant makes one with a webhook and a secret, and gives its caller.
func (w *world) tenant() (core.Caller, string) {
	w.t.Helper()
	caller := core.Caller{Tenant: w.ids.Tenant(), Key: w.ids.Key()}
	w.hooks.set(caller.Tenant, func(h *core.Webhook) { h.URL = "https://" + string(caller.Tenant) + ".example/hook" })
	secret, _, err := w.service.NewSecret(w.t.Context(), caller, core.Op{})
	if err != nil {
		w.t.Fatal(err)
	}
	return caller, secret
}

func url(c core.Caller) string { return "https://" + string(c.Tenant) + ".example/hook" }

func (w *world) event(c core.Caller, kind core.EventType) core.Event {
	return core.Event{
		ID: w.ids.Event(), Type: kind, At: clock{}.Now(), Tenant: c.Tenant, Seq: w.seq.Add(1), Actor: c.Actor(),
		Data: core.EventData{"user_id": string(w.ids.User())},
	}
}

// happen hands events of a tenant to the sink.
func (w *world) happen(c core.Caller, count int) (ids []string) {
	w.t.Helper()
	var list []core.Event
	for range count {
		e := w.event(c, core.EventUserCreated)
		list = append(list, e)
		ids = append(ids, string(e.ID))
	}
	if err := w.service.Deliver(w.t.Context(), c.Tenant, list); err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// verify holds a request against the specification's own verifier, at the time
// of the request.
func verify(secret string, p post) error {
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	h := http.Header{}
	for name, value := range p.headers {
		h.Set(name, value)
	}
	return v.Verify([]byte(p.body), h)
}

// raw is a secret's bytes.
func raw(t *testing.T, secret string) []byte {
	t.Helper()
	out, err := base64.StdEncoding.DecodeString(secret[len("whsec_"):])
	if err != nil {
		t.Fatal(err)
	}
	return out
}
