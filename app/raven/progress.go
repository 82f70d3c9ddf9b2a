package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/raven-memory/raven/core/transfer"
)

const (
	barWidth  = 30
	drawEvery = 100 * time.Millisecond
)

// bar shows how far a long work is, on one line of a terminal. On anything else
// it shows nothing.
type bar struct {
	to    *os.File
	doing string
	shown bool
	last  time.Time
}

func newBar(to *os.File, doing string) *bar {
	if !isTerminal(to) {
		to = nil
	}
	return &bar{to: to, doing: doing}
}

// show draws done of total; without a total, a count of units.
func (b *bar) show(done, total int64, units string) {
	if b.to == nil || time.Since(b.last) < drawEvery && done != total {
		return
	}
	b.shown, b.last = true, time.Now()
	if total <= 0 {
		_, _ = fmt.Fprintf(b.to, "\r\033[K%s: %d %s", b.doing, done, units)
		return
	}
	full := int(min(done, total) * barWidth / total)
	_, _ = fmt.Fprintf(b.to, "\r\033[K%s [%s%s] %d%% (%d of %d %s)", b.doing,
		strings.Repeat("#", full), strings.Repeat("-", barWidth-full), min(done, total)*100/total, done, total, units)
}

// end leaves the line.
func (b *bar) end() {
	if b.shown {
		_, _ = fmt.Fprintln(b.to)
	}
	b.shown = false
}

// progress shows how far something is whose total is known, and ends with it.
func progress(to *os.File, doing string) func(done, total int) {
	b := newBar(to, doing)
	return func(done, total int) {
		b.show(int64(done), int64(total), "")
		if done == total {
			b.end()
		}
	}
}

// showTransfer shows how far tenants are carried, and what ends the line.
func showTransfer(to *os.File) (show func(transfer.Progress), end func()) {
	b := newBar(to, "")
	return func(p transfer.Progress) {
		b.doing = fmt.Sprintf("%d tenants done; %s", p.Tenants, p.Tenant)
		b.show(int64(p.Users), 0, "users")
	}, b.end
}
