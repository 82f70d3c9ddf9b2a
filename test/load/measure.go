package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// round is what came of one round.
type round struct {
	perSecond     float64
	p50, p99, max time.Duration
}

// closedLoop measures all scenarios, in turn, round by round.
func closedLoop(cases []*scenario, connections int, o options) error {
	for _, c := range cases {
		c.closed = nil
	}
	for i := range o.rounds + 1 { // the first warms up
		for _, c := range cases {
			r, err := c.run(connections, o.length, nil)
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

// openLoop measures all scenarios again, at a share of the rate that the closed
// loop just reached.
func openLoop(cases []*scenario, o options) error {
	connections := o.connections[len(o.connections)-1]
	for _, c := range cases {
		c.due = median(c.closed).perSecond * o.rate
	}
	for range o.rounds {
		for _, c := range cases {
			every := time.Duration(float64(time.Second) / c.due)
			r, err := c.run(connections, o.length, &schedule{every: every, start: time.Now()})
			if err != nil {
				return err
			}
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

// wait waits for the next request's turn and says when it was due.
func (s *schedule) wait() time.Time {
	s.mu.Lock()
	due := s.start.Add(time.Duration(s.next) * s.every)
	s.next++
	s.mu.Unlock()
	time.Sleep(time.Until(due))
	return due
}

func median(rounds []round) round {
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b round) int { return cmp.Compare(a.perSecond, b.perSecond) })
	return sorted[len(sorted)/2]
}

// medianP99 gives the round with the median p99: in an open loop the rate is given.
func medianP99(rounds []round) round {
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b round) int { return cmp.Compare(a.p99, b.p99) })
	return sorted[len(sorted)/2]
}

// run runs one round, in a closed loop where there is no schedule.
func (c *scenario) run(connections int, length time.Duration, s *schedule) (round, error) {
	client := &fasthttp.Client{MaxConnsPerHost: connections, NoDefaultUserAgentHeader: true}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	start := time.Now()
	for worker := range connections {
		wg.Go(func() {
			took, err := c.loop(client, worker, start.Add(length), s)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			failed = cmp.Or(failed, err)
		})
	}
	wg.Wait()
	if failed != nil {
		return round{}, fmt.Errorf("%s: %w", c.name, failed)
	}
	if len(all) == 0 {
		return round{}, fmt.Errorf("%s: no answer within %v", c.name, length)
	}
	slices.Sort(all)
	return round{
		perSecond: float64(len(all)) / time.Since(start).Seconds(),
		p50:       all[len(all)/2], p99: all[len(all)*99/100], max: all[len(all)-1],
	}, nil
}

func (c *scenario) loop(client *fasthttp.Client, worker int, end time.Time, s *schedule) ([]time.Duration, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	var took []time.Duration
	for n := 0; ; n++ {
		began := time.Now()
		if s != nil {
			began = s.wait()
		}
		if began.After(end) {
			return took, nil
		}
		req.Reset()
		c.request(worker, n, &req)
		if err := client.Do(&req, &res); err != nil {
			return nil, err
		}
		if res.StatusCode() != c.status {
			return nil, fmt.Errorf("answered %d: %s", res.StatusCode(), res.Body())
		}
		took = append(took, time.Since(began))
	}
}
