package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// durations are samples of how long something took. Safe for concurrent use.
type durations struct {
	mu   sync.Mutex
	list []time.Duration
}

func (d *durations) add(sample time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, sample)
}

// quantiles gives the 50th and 99th percentile and the longest; zeros for none.
func (d *durations) quantiles() (p50, p99, most time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) == 0 {
		return 0, 0, 0
	}
	slices.Sort(d.list)
	at := func(share float64) time.Duration { return d.list[int(share*float64(len(d.list)-1))] }
	return at(0.5), at(0.99), at(1)
}

// counts tells how often each call was made. Safe for concurrent use.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[name]++
}

// take gives the counts so far, and begins anew.
func (c *counts) take() *counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := &counts{of: c.of}
	c.of = nil
	return taken
}

// total adds those of some names up, of all for none.
func (c *counts) total(names ...string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := 0
	for name, n := range c.of {
		if len(names) == 0 || slices.Contains(names, name) {
			sum += n
		}
	}
	return sum
}

// text lists the counts a second, the most frequent first.
func (c *counts) text(length time.Duration) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(c.of), func(a, b string) int { return c.of[b] - c.of[a] })
	var parts []string
	for _, name := range names[:min(len(names), 6)] {
		parts = append(parts, fmt.Sprintf("%s %.0f", name, float64(c.of[name])/length.Seconds()))
	}
	return strings.Join(parts, ", ")
}

// broken is told of a promise that was not kept.
type broken func(format string, args ...any)

// report simulates what is asked for and prints it as tables in Markdown.
func report(w io.Writer, tell broken, o options) {
	if o.only != "outbox" {
		reportAuth(w, tell, o)
	}
	if o.only != "auth" {
		reportOutbox(w, tell, o)
	}
}

func round(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(100 * time.Microsecond).String()
	}
}
