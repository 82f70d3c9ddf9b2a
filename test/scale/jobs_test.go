package scale

import (
	"fmt"
	"testing"
	"time"
)

// TestWorkInTheBackground logs what each job of a process costs when there is
// nothing to do, by how many tenants there are.
func TestWorkInTheBackground(t *testing.T) {
	for name, open := range stores {
		for _, n := range sizes(t, 50) {
			t.Run(fmt.Sprint(name, "/", n), func(t *testing.T) {
				w := newWorld(t, open(t))
				each(n-1, func(i int) { w.register(i + 1) })
				w.work()
				for _, job := range w.app.Jobs() {
					calls, began := w.store.calls(t), time.Now()
					if err := job.Run(t.Context()); err != nil {
						t.Fatalf("%s: %v", job.Doing, err)
					}
					took := time.Since(began)
					asked := w.store.calls(t) - calls - 1 // to ask is one
					t.Logf("| %s | %d | %s | %s | %d |", name, n, job.Doing, took.Round(10*time.Microsecond), max(asked, 0))
				}
			})
		}
	}
}
