package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// round is what came of one round.
type round struct {
	due       float64 // a second; 0 in a closed loop
	perSecond float64
	p50, p99  time.Duration
	refused   int   // with 503, and left out of the rest
	cost      usage // of a request, with what it left to do in the background
}

// closedLoop measures all scenarios, in turn, round by round.
func closedLoop(ctx context.Context, cases []*scenario, connections int, o options) error {
	for _, c := range cases {
		c.closed = nil
	}
	for i := range o.rounds + 1 { // the first warms up
		for _, c := range cases {
			r, err := c.run(ctx, connections, o.length, nil)
			if err != nil {
				return err
			}
			if i > 0 {
				c.closed = append(c.closed, r)
			}
		}
	}
	return nil
}

// openLoop measures what has a floor again, at a share of the rate that the
// closed loop just reached.
func openLoop(ctx context.Context, cases []*scenario, o options) error {
	connections := o.connections[len(o.connections)-1]
	for range o.rounds {
		for _, c := range cases {
			if c.floor == nil {
				continue
			}
			due := medianOf(c.closed, func(r round) float64 { return r.perSecond }) * o.rate
			r, err := c.run(ctx, connections, o.length, newSchedule(due))
			if err != nil {
				return err
			}
			r.due = due
			c.open = append(c.open, r)
		}
	}
	return nil
}

// schedule says when requests are due.
type schedule struct {
	every time.Duration
	start time.Time

	mu   sync.Mutex
	next int
}

func newSchedule(perSecond float64) *schedule {
	return &schedule{every: time.Duration(float64(time.Second) / perSecond), start: time.Now()}
}

// wait waits for the next request's turn and says when it was due; not beyond
// the end.
func (s *schedule) wait(end time.Time) time.Time {
	s.mu.Lock()
	due := s.start.Add(time.Duration(s.next) * s.every)
	s.next++
	s.mu.Unlock()
	if !due.After(end) {
		time.Sleep(time.Until(due))
	}
	return due
}

// median is the middle one, the upper of two.
func median[T cmp.Ordered](list []T) T { return slices.Sorted(slices.Values(list))[len(list)/2] }

func medianOf[T cmp.Ordered](rounds []round, of func(round) T) T {
	list := make([]T, 0, len(rounds))
	for _, r := range rounds {
		list = append(list, of(r))
	}
	return median(list)
}

// ofFloor is the median of what one round gave beside what the floor gave in the
// same round, a moment earlier.
func (c *scenario) ofFloor(of func(r, floor round) float64) float64 {
	list := make([]float64, 0, len(c.closed))
	for i, r := range c.closed {
		list = append(list, of(r, c.floor.closed[i]))
	}
	return median(list)
}

// run runs one round, in a closed loop where there is no schedule.
func (c *scenario) run(ctx context.Context, connections int, length time.Duration, s *schedule) (round, error) {
	if c.prepare != nil {
		if err := c.prepare(); err != nil {
			return round{}, err
		}
	}
	before, err := usageOf(ctx, c.processes, c.redis)
	if err != nil {
		return round{}, err
	}
	start := time.Now()
	c.refused.Store(0)
	took, err := c.connect(ctx, connections, start.Add(length), s)
	lasted := time.Since(start)
	if err == nil && len(took) == 0 {
		err = fmt.Errorf("no answer within %v", length)
	}
	if err != nil {
		return round{}, fmt.Errorf("%s: %w", c.name, err)
	}
	if err := c.quieten(ctx); err != nil {
		return round{}, err
	}
	after, err := usageOf(ctx, c.processes, c.redis)
	slices.Sort(took)
	used, n := after.minus(before), time.Duration(len(took))
	return round{
		perSecond: float64(len(took)) / lasted.Seconds(),
		p50:       took[len(took)/2], p99: took[len(took)*99/100],
		refused: int(c.refused.Load()),
		cost:    usage{server: used.server / n, redis: used.redis / n},
	}, err
}

// quieten waits until the processes have done what the requests left to do in the
// background, which is a part of what they cost and not of what comes next.
func (c *scenario) quieten(ctx context.Context) error {
	const window, quiet, most = 100 * time.Millisecond, 30 * time.Millisecond, 3 * time.Second
	for deadline := time.Now().Add(most); time.Now().Before(deadline); {
		begun, err := usageOf(ctx, c.processes, c.redis)
		if err != nil {
			return err
		}
		time.Sleep(window)
		ended, err := usageOf(ctx, c.processes, c.redis)
		if err != nil || ended.minus(begun).all() < quiet {
			return err
		}
	}
	return nil
}

// connect has all connections send requests, and gives how long each took.
func (c *scenario) connect(ctx context.Context, connections int, end time.Time, s *schedule) (all []time.Duration, err error) {
	client := newClient(connections)
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			took, failed := c.loop(ctx, client, end, s)
			mu.Lock()
			defer mu.Unlock()
			all, err = append(all, took...), cmp.Or(err, failed)
		})
	}
	wg.Wait()
	return all, err
}

func newClient(connections int) *fasthttp.Client {
	return &fasthttp.Client{MaxConnsPerHost: connections, NoDefaultUserAgentHeader: true}
}

func (c *scenario) loop(ctx context.Context, client *fasthttp.Client, end time.Time, s *schedule) ([]time.Duration, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	var took []time.Duration
	for {
		req.Reset()
		c.request(int(c.turns.Add(1)), &req)
		began := time.Now()
		if s != nil {
			began = s.wait(end)
		}
		if began.After(end) {
			return took, ctx.Err()
		}
		if err := client.Do(&req, &res); err != nil {
			return nil, err
		}
		switch res.StatusCode() {
		case c.status:
			took = append(took, time.Since(began))
		case unavailable:
			c.refused.Add(1)
		default:
			return nil, fmt.Errorf("answered %d: %s", res.StatusCode(), res.Body())
		}
	}
}
