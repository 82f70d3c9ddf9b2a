package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/test/locomo"
	"github.com/raven-memory/raven/test/machine"
)

// report writes the table, and what is to know of it.
func report(m *measurement, w *workshop, results []*result) string {
	var out strings.Builder
	fmt.Fprintf(&out, "| | stored, turns/s: 1 client | %d clients | search p50 / p95 | recall@5/10/25/50 | bytes at rest | `kill -9` | how |\n|---|---|---|---|---|---|---|---|\n", m.clients)
	for _, r := range results {
		writeRows(&out, m, r)
	}
	out.WriteString("\n" + notes(m, w))
	return out.String()
}

// writeRows writes a peer's row, and one more for each further way to ask it.
func writeRows(out *strings.Builder, m *measurement, r *result) {
	name := "**" + r.peer.name + "**"
	if r.version != "" {
		name += ", " + r.version
	}
	how := r.peer.how
	if r.err != nil {
		how = "**failed: " + cell(r.err.Error()) + "**; " + how
	}
	for i, search := range r.peer.searches {
		latency, recall := "–", "–"
		if f := r.found[search]; f != nil && f.Total().Questions() > 0 {
			latency = shown(f.Percentile(50)) + " / " + shown(f.Percentile(95))
			recall = f.Total().String()
			if n := f.Total().Questions(); n < m.work.questions {
				recall += fmt.Sprintf(" of %d questions", n)
			}
		}
		if i > 0 {
			fmt.Fprintf(out, "| %s: %s | ″ | ″ | %s | %s | ″ | ″ | ″ |\n", r.peer.name, search, latency, recall)
			continue
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
			name, rate(r.alone), together(m, r), latency, recall, atRest(r.bytes, m.work.bytes), r.killed, how)
	}
}

// cell is a text for one cell of the table.
func cell(text string) string {
	const most = 300
	text = strings.NewReplacer("\n", " ", "|", "/").Replace(text)
	return text[:min(len(text), most)]
}

// rate is the median of the rounds, with the slowest and the fastest.
func rate(rounds []float64) string {
	if len(rounds) == 0 {
		return "–"
	}
	list := slices.Sorted(slices.Values(rounds))
	return fmt.Sprintf("%.0f (%.0f–%.0f)", list[len(list)/2], list[0], list[len(list)-1])
}

func together(m *measurement, r *result) string {
	text := rate(r.together)
	if r.lost != 0 {
		text += fmt.Sprintf("; **%d of %d acknowledged were not there**", r.lost, m.work.turns)
	}
	return text
}

func atRest(stored, said int64) string {
	if stored == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f MB, %.1f × what was said", float64(stored)/1e6, float64(stored)/float64(said))
}

// shown is a latency in milliseconds.
func shown(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// String says what became of turns.
func (l ledger) String() string {
	if l.kills == 0 {
		return "–"
	}
	text := fmt.Sprintf("%d kills: %d acknowledged, **%d lost**", l.kills, l.acknowledged, l.lost)
	if l.doubled > 0 {
		text += fmt.Sprintf(", **%d doubled**", l.doubled)
	}
	if l.unacknowledged > 0 {
		text += fmt.Sprintf(", %d there unacknowledged", l.unacknowledged)
	}
	return text
}

// notes say what the table is of, and what it does not compare.
func notes(m *measurement, w *workshop) string {
	var out strings.Builder
	note := func(format string, args ...any) { fmt.Fprintf(&out, "- "+format+"\n", args...) }
	note("The same for all: the %d turns of %d conversations of LoCoMo, a conversation a user, %.2f MB of text, one turn a call, acknowledged when durable; then all %d questions whose evidence is known, each put to one peer after the other; results are counted down to %d. Storing: the median (slowest–fastest) of rounds (%d), all peers in turn in each; several clients have a session each at a time. Bytes are of the files after an orderly end, of all %d conversations.",
		m.work.turns, len(m.work.samples), float64(m.work.bytes)/1e6, m.work.questions, locomo.Limit, m.rounds, len(m.work.samples))
	note("`kill -9` comes at a random moment (seed %d) within %s of storing by one client; after a new start the peer lists what it has. It says nothing of power cuts.", m.seed, killedAfter)
	note("Not comparable: Raven answers over HTTP, checks a key, encrypts each turn and writes an audit log; PostgreSQL answers over TCP; the others are called through a pipe or, mem0, as a library in its own process. Their text is at rest as it was said. mem0's best recall takes a real embedding model and a model that extracts (`infer: true`), neither of which can be had here.")
	if hosts := w.hosts(); len(hosts) > 0 {
		note("**What runs in Node.js tried to reach %s, and was kept from it.**", strings.Join(hosts, ", "))
	} else {
		note("What runs in Node.js had `MEM0_TELEMETRY=false` and a guard that refuses and notes every connection to another machine: none was tried.")
	}
	note("The load average was %s at the start and %s at the end: where it is far above the number of CPUs, others were at work, and speeds are low for all.", m.load, machine.Load())
	note("%s, node %s; `go run ./test/peers %s`, %s.", machine.Describe(), machine.Said("node", "--version"),
		machine.Quoted(os.Args[1:]), time.Now().UTC().Format("2 January 2006"))
	return out.String()
}
