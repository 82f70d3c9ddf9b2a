package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

const (
	// heardQueue and heardOfTenant are how many ingests wait for their facts to be
	// found, of all tenants and of one: a flood of one's leaves room for the
	// others. Past it, those of an ingest are not looked for: an agent's memory
	// works without.
	heardQueue    = 4000
	heardOfTenant = 1000
	// heardBytes and heardBytesOfTenant bound how much text they hold.
	heardBytes         = 128 << 20
	heardBytesOfTenant = 16 << 20
	learnTries         = 5
	learnPause         = 200 * time.Millisecond
)

// rules finds facts by patterns.
type rules struct{ facts.Rules }

// Extract never fails.
func (r rules) Extract(_ context.Context, list []core.Interaction) ([]core.FactCandidate, error) {
	var found []core.FactCandidate
	for _, in := range list {
		found = append(found, r.Rules.Extract(in)...)
	}
	return found, nil
}

// heard is what one ingest took in.
type heard struct {
	caller core.Caller
	user   core.UserID
	list   []core.Interaction
	bytes  int  // of text and metadata, never 0
	learnt bool // something of it was kept, perhaps
}

// learner finds facts in what was taken in, after the answer.
type learner struct {
	*App
	queue chan struct{} // one for each that waits; take then gives it

	mu      sync.Mutex
	tenants map[core.TenantID]*heardFrom
	order   []core.TenantID // those of whom something waits, the next one first
	bytes   int             // of them all
}

// heardFrom is what is held of a tenant.
type heardFrom struct {
	waiting []heard
	bytes   int // of those, and of what is being learnt from
}

func newLearner(a *App) *learner {
	return &learner{App: a, queue: make(chan struct{}, heardQueue), tenants: map[core.TenantID]*heardFrom{}}
}

// put lets an ingest wait, or reports that there is no room for it.
func (l *learner) put(h heard) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := h.caller.Tenant
	of := l.tenants[id]
	if of == nil {
		of = &heardFrom{}
	}
	if len(of.waiting) >= heardOfTenant || of.bytes+h.bytes > heardBytesOfTenant || l.bytes+h.bytes > heardBytes {
		return false
	}
	select {
	case l.queue <- struct{}{}:
	default:
		return false
	}
	if len(of.waiting) == 0 {
		l.order = append(l.order, id)
	}
	l.tenants[id] = of
	of.waiting = append(of.waiting, h)
	of.bytes += h.bytes
	l.bytes += h.bytes
	return true
}

// take gives what is next, for one received from the queue: the tenants have
// their turns, so that one's many do not hold up the others' few.
func (l *learner) take() heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.order[0]
	l.order = slices.Delete(l.order, 0, 1)
	of := l.tenants[id]
	h := of.waiting[0]
	of.waiting = slices.Delete(of.waiting, 0, 1)
	if len(of.waiting) > 0 {
		l.order = append(l.order, id)
	}
	return h
}

// let gives the room back of what take gave.
func (l *learner) let(h *heard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.tenants[h.caller.Tenant]
	of.bytes -= h.bytes
	l.bytes -= h.bytes
	if of.bytes == 0 {
		delete(l.tenants, h.caller.Tenant)
	}
}

// takenIn hands on what an ingest took in; it never waits.
func (a *App) takenIn(caller core.Caller, user core.UserID, list []core.Interaction) {
	a.learner.hear(caller, user, list)
	a.embedding.hear(caller, user, list)
}

// hear takes in what there is to learn from; it never waits.
func (l *learner) hear(caller core.Caller, user core.UserID, list []core.Interaction) {
	if l.facts.Extract == nil || len(list) == 0 {
		return
	}
	h := heard{caller: caller, user: user, list: list}
	for i := range list {
		h.bytes += len(list[i].Content) + len(list[i].Metadata)
	}
	if l.put(h) {
		return
	}
	l.log.Warn("facts of an ingest were not looked for: too much is waiting", "tenant", string(caller.Tenant))
}

// work learns until ctx is done, and then what is still waiting.
func (l *learner) work(ctx context.Context) {
	longer, cancel := outlive(ctx, l.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	for {
		select {
		case <-l.queue:
			l.learn(longer, l.take())
		case <-ctx.Done():
			l.drain(context.WithoutCancel(ctx))
			return
		}
	}
}

func (l *learner) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case <-l.queue:
			l.learn(ctx, l.take())
		default:
			return
		}
	}
}

// learn tries a few times. What can't be learnt then is reported and let go.
func (l *learner) learn(ctx context.Context, h heard) {
	defer l.let(&h)
	ctx, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	var err error
	for try := range learnTries {
		err = l.try(ctx, &h)
		if err == nil || core.Is(err, core.CodeNotFound) || core.Is(err, core.CodeQuotaExhausted) {
			return
		}
		if core.Is(err, core.CodeBadRequest) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(learnPause << try):
		}
	}
	l.report(ctx, "learning facts", err)
}

// workers is how many ingests are learnt from at a time: a model takes seconds
// for each.
func (l *learner) workers() int {
	if l.models.extractor == nil {
		return 1
	}
	return 2
}

// patience is how long one ingest may be learnt from.
func (l *learner) patience() time.Duration {
	if l.models.extractor == nil {
		return l.cfg.HTTP.RequestTimeout
	}
	return l.cfg.HTTP.RequestTimeout + learnTries*l.cfg.Extractor.Timeout
}

// outlive gives a context that ends some time after ctx.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		defer cancel()
		select {
		case <-time.After(by):
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// try learns, and forgets again what rests on interactions that were forgotten
// in the meantime.
func (l *learner) try(ctx context.Context, h *heard) error {
	some, err := l.facts.Learn(ctx, h.caller, h.user, h.list)
	h.learnt = h.learnt || some // a try before may have kept something
	if err != nil || !h.learnt {
		return err
	}
	missing, err := l.memory.Missing(ctx, h.caller.Tenant, h.user, h.list[0].Conversation, h.list)
	if err != nil || len(missing) == 0 {
		return err
	}
	return l.facts.Unlearn(ctx, h.caller, h.user, func(from core.FactSource) bool { return slices.Contains(missing, from.Interaction) })
}
