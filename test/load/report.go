package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/raven-memory/raven/test/machine"
)

// The connections at which p99 is to be at most so many times p50.
const (
	tailConnections = 32
	tailGoal        = 5
)

// describe says what is measured, and on what.
func describe(o options) {
	fmt.Printf("%s, load average %s. Server, floors, Redis and load share the machine; medians of %d rounds of %v, interleaved.\n",
		machine.Describe(), machine.Load(), o.rounds, o.length)
	fmt.Printf("`go run ./test/load %s`\n\n", machine.Quoted(os.Args[1:]))
}

// row prints a row of a table.
func row(cells ...string) { fmt.Printf("| %s |\n", strings.Join(cells, " | ")) }

func head(cells ...string) {
	row(cells...)
	fmt.Printf("|%s\n", strings.Repeat("---|", len(cells)))
}

func reportHead() {
	head("store", "tenants", "connections", "loop", "request", "a second", "of its floor", "p50", "p99", "p99/p50",
		"CPU of the server", "of Redis", "of its floor, in CPU")
}

func reportClosed(cases []*scenario, store string, tenants, connections int) {
	for _, c := range cases {
		rate, cpu := "", ""
		if c.floor != nil {
			rate = held(c.ofFloor(func(r, floor round) float64 { return r.perSecond / floor.perSecond }), c.goal)
			cpu = held(c.ofFloor(func(r, floor round) float64 { return ratio(floor.cost.all(), r.cost.all()) }), c.goal)
		}
		tail := tailOf(c.closed)
		shown := fmt.Sprintf("%.1f", tail)
		if c.floor != nil && connections == tailConnections {
			shown += verdict(fmt.Sprint(tailGoal), tail <= tailGoal)
		}
		perSecond := fmt.Sprintf("%.0f", medianOf(c.closed, func(r round) float64 { return r.perSecond }))
		reportRow(c.closed, []string{store, fmt.Sprint(tenants), fmt.Sprint(connections), "closed", c.name, perSecond, rate}, shown, cpu)
	}
}

func reportOpen(cases []*scenario, store string, tenants, connections int) {
	for _, c := range cases {
		if c.floor == nil {
			continue
		}
		perSecond := fmt.Sprintf("%.0f of %.0f due", medianOf(c.open, func(r round) float64 { return r.perSecond }), c.open[0].due)
		reportRow(c.open, []string{store, fmt.Sprint(tenants), fmt.Sprint(connections), "open", c.name, perSecond, ""},
			fmt.Sprintf("%.1f", tailOf(c.open)), "")
	}
}

// reportRow prints a row that begins so; tail is p99 beside p50.
func reportRow(rounds []round, begins []string, tail, ofFloor string) {
	refused := 0
	for _, r := range rounds {
		refused += r.refused
	}
	if refused > 0 {
		begins[4] += fmt.Sprintf(" (%d refused)", refused)
	}
	redis := ""
	if begins[0] == onRedis {
		redis = us(medianOf(rounds, func(r round) time.Duration { return r.cost.redis }))
	}
	row(append(begins, ms(medianOf(rounds, round.middle)), ms(medianOf(rounds, round.late)), tail,
		us(medianOf(rounds, func(r round) time.Duration { return r.cost.server })), redis, ofFloor)...)
}

func (r round) middle() time.Duration { return r.p50 }

func (r round) late() time.Duration { return r.p99 }

// tailOf is p99 beside p50.
func tailOf(rounds []round) float64 {
	return ratio(medianOf(rounds, round.late), medianOf(rounds, round.middle))
}

func (u usage) all() time.Duration { return u.server + u.redis }

// ratio of what the clock was too coarse to see is 0.
func ratio(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// held is a share of a floor, and whether it reaches the goal where there is one.
func held(share, goal float64) string {
	text := fmt.Sprintf("%.2f", share)
	if goal > 0 {
		text += verdict(fmt.Sprint(goal), share >= goal)
	}
	return text
}

func verdict(goal string, met bool) string {
	if met {
		return " (goal " + goal + ": met)"
	}
	return " (goal " + goal + ": **missed**)"
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func us(d time.Duration) string { return fmt.Sprintf("%.0f µs", micros(d)) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
