package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// describe says what is measured, and on what.
func describe(o options) {
	store := "embedded"
	if o.redis != "" {
		store = "Redis"
		if o.nodes > 1 {
			store = fmt.Sprintf("Redis, %d servers", o.nodes)
		}
	}
	fmt.Printf("Store: %s. %s, %d threads, %s, load average %s. Server, floors and load share the machine; median of %d rounds of %v, interleaved.\n",
		store, processor(), runtime.NumCPU(), runtime.Version(), loadAverage(), o.rounds, o.length)
	fmt.Printf("`go run ./test/load %s`\n", strings.Join(os.Args[1:], " "))
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close() //nolint:errcheck // read only
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil || len(raw) == 0 {
		return "unknown"
	}
	return strings.Fields(string(raw))[0]
}

func reportClosed(cases []*scenario, tenants, connections int) {
	fmt.Printf("\n%s, %s, closed loop:\n\n", plural(connections, "connection"), plural(tenants, "tenant"))
	fmt.Println("| request | a second | p50 | p99 | p99/p50 | of its floor |\n|---|---|---|---|---|---|")
	for _, c := range cases {
		m, ratio := median(c.closed), ""
		if c.floor != nil {
			ratio = fmt.Sprintf("%.2f", m.perSecond/median(c.floor.closed).perSecond)
		}
		fmt.Printf("| %s | %.0f | %s | %s | %.1f | %s |\n", c.name, m.perSecond, ms(m.p50), ms(m.p99), float64(m.p99)/float64(m.p50), ratio)
	}
}

func reportOpen(cases []*scenario, tenants int) {
	fmt.Printf("\n%s, open loop, measured from when each request was due:\n\n", plural(tenants, "tenant"))
	fmt.Println("| request | a second, due | answered | p50 | p99 | longest |\n|---|---|---|---|---|---|")
	for _, c := range cases {
		m := medianP99(c.open)
		fmt.Printf("| %s | %.0f | %.0f | %s | %s | %s |\n", c.name, c.due, m.perSecond, ms(m.p50), ms(m.p99), ms(m.max))
	}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
