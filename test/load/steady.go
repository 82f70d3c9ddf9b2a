package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	steadyTenants     = 8
	steadyLives       = 200
	steadyConnections = 32
	steadySamples     = 200
	calm              = 30 * time.Second // lets idle workers of the server go
	mostCalming       = 2 * time.Minute
	mostRefused       = 1000 // one of so many, with 503
)

// steadiness puts each store under a constant load, and fails when something grew
// beyond its bound or did not come back to what it was.
func steadiness(ctx context.Context, b base, o options) error {
	fmt.Printf("A constant load of %.0f requests a second for %v: ingest, context, search, users who come and go, conversations that are closed. "+
		"The last tenth may have a quarter more than the first, and a slack; the embedded store's memory also the pages of its file that it keeps, at most 96 MiB.\n\n", o.steadyRate, o.steady)
	head("store", "what", "at rest before", "first tenth", "half way", "last tenth", "at rest after", "verdict")
	var failed error
	for _, store := range o.stores {
		failed = errors.Join(failed, steadyOn(ctx, b, store, o))
	}
	return failed
}

func steadyOn(ctx context.Context, b base, store string, o options) (err error) {
	w, err := newWorld(b, store, o)
	if err != nil {
		return err
	}
	defer func() { err = w.end(err) }()
	queue, err := w.populate(ctx)
	if err != nil {
		return err
	}
	if err := sleep(ctx, calm); err != nil {
		return err
	}
	s := steady{store: store}
	if s.before, err = w.sample(ctx); err != nil {
		return err
	}
	if err := s.load(ctx, w, queue, o); err != nil {
		return err
	}
	if err := s.rest(ctx, w); err != nil {
		return err
	}
	return s.report()
}

// populate makes tenants and lives at every step.
func (w *world) populate(ctx context.Context) (chan *life, error) {
	tenants := make([]*api, steadyTenants)
	err := each(ctx, len(tenants), func(i int) (err error) {
		tenants[i], err = w.register(i)
		return err
	})
	if err != nil {
		return nil, err
	}
	client := newClient(atOnce)
	defer client.CloseIdleConnections()
	queue := make(chan *life, steadyLives)
	return queue, each(ctx, steadyLives, func(i int) error {
		l := &life{place: place{api: tenants[i%len(tenants)]}}
		for range i % len(steps) {
			for err := errRefused; errors.Is(err, errRefused); {
				if err = l.live(client); err != nil && !errors.Is(err, errRefused) {
					return err
				}
			}
		}
		queue <- l
		return nil
	})
}

// steady is what was seen of one store.
type steady struct {
	store         string
	before, after sample
	during        []sample

	mu      sync.Mutex
	began   time.Time
	took    []answered
	refused int
}

// answered is when a request was due and how long it took from then on.
type answered struct{ at, took time.Duration }

// load has the lives go on, one step each in turn, when requests are due.
func (s *steady) load(ctx context.Context, w *world, queue chan *life, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := newClient(steadyConnections)
	defer client.CloseIdleConnections()
	s.began = time.Now()
	end, due := s.began.Add(o.steady), newSchedule(o.steadyRate)
	errs := make(chan error, steadyConnections+1)
	for range steadyConnections {
		go func() { errs <- s.liveOn(ctx, client, queue, due, end) }()
	}
	go func() { errs <- s.watch(ctx, w, o.steady/steadySamples, end) }()
	var failed error
	for range steadyConnections + 1 {
		if err := <-errs; err != nil {
			cancel()
			failed = cmp.Or(failed, err)
		}
	}
	return failed
}

func (s *steady) liveOn(ctx context.Context, client *fasthttp.Client, queue chan *life, due *schedule, end time.Time) error {
	for {
		at := due.wait(end)
		if at.After(end) || ctx.Err() != nil {
			return ctx.Err()
		}
		l := <-queue
		err := l.live(client)
		queue <- l
		if err != nil && !errors.Is(err, errRefused) {
			return err
		}
		s.note(at, err != nil)
	}
}

func (s *steady) note(due time.Time, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused {
		s.refused++
		return
	}
	s.took = append(s.took, answered{due.Sub(s.began), time.Since(due)})
}

// watch takes samples until the end.
func (s *steady) watch(ctx context.Context, w *world, every time.Duration, end time.Time) error {
	for time.Now().Before(end) {
		if err := sleep(ctx, max(every, time.Second/2)); err != nil {
			return err
		}
		taken, err := w.sample(ctx)
		if err != nil {
			return err
		}
		s.during = append(s.during, taken)
	}
	return nil
}

// rest waits until what is to come back has, and gives up after a while.
func (s *steady) rest(ctx context.Context, w *world) (err error) {
	for deadline := time.Now().Add(mostCalming); ; {
		if err := sleep(ctx, calm/10); err != nil {
			return err
		}
		if s.after, err = w.sample(ctx); err != nil {
			return err
		}
		if s.rested() || time.Now().After(deadline) {
			return nil
		}
	}
}

func (s *steady) rested() bool {
	for i, g := range gauges {
		if g.rest > 0 && s.after[i] > s.before[i]+g.rest {
			return false
		}
	}
	return true
}

func (s *steady) report() error {
	tenth := max(len(s.during)/10, 1)
	half := len(s.during) / 2
	begin, middle, end := s.during[:tenth], s.during[half:min(half+tenth, len(s.during))], s.during[len(s.during)-tenth:]
	var failed error
	for i, g := range gauges {
		if g.metric == "" && s.store != onRedis {
			continue
		}
		first, last := g.over(begin, i), g.over(end, i)
		err := g.check(s.store, s.before[i], first, last, s.after[i])
		failed = errors.Join(failed, err)
		row(s.store, g.name, g.show(s.before[i]), g.show(first), g.show(g.over(middle, i)), g.show(last), g.show(s.after[i]), g.verdict(err))
	}
	slices.SortFunc(s.took, func(a, b answered) int { return cmp.Compare(a.at, b.at) })
	tenth = max(len(s.took)/10, 1)
	for _, percent := range []int{50, 99} {
		row(s.store, fmt.Sprintf("p%d of a request", percent), "",
			ms(percentile(s.took[:tenth], percent)), "", ms(percentile(s.took[len(s.took)-tenth:], percent)), "", fmt.Sprintf("%d answered, %d refused", len(s.took), s.refused))
	}
	if s.refused > len(s.took)/mostRefused {
		failed = errors.Join(failed, fmt.Errorf("%s: %d requests were refused", s.store, s.refused))
	}
	return failed
}

func (g gauge) verdict(err error) string {
	switch {
	case err != nil:
		return "**missed**"
	case g.slack == 0:
		return ""
	}
	return "met"
}

func percentile(list []answered, percent int) time.Duration {
	var took []time.Duration
	for _, a := range list {
		took = append(took, a.took)
	}
	slices.Sort(took)
	return took[len(took)*percent/100]
}

// sleep sleeps, or gives ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
