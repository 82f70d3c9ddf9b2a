package contract

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Health is the contract of ports.Health, as a store has it.
func Health(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"HealthyStoreIsWell", healthyStoreIsWell},
		{"PingKeepsItsDeadline", pingKeepsItsDeadline},
	}, healthCalls())
}

func healthCalls() []call {
	return []call{{name: "Ping", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
		return done(w.Ping(ctx))
	}}}
}

func healthyStoreIsWell(w *World) {
	w.unchanged(func() { w.ok(w.Ping(w.Ctx)) })
	s := w.stage()
	w.unchanged(func() {
		w.allOK(together(16, func(int) error { return w.Ping(w.Ctx) }))
	})
	w.Recount(s.tenant)
}

func pingKeepsItsDeadline(w *World) {
	ctx, cancel := context.WithTimeout(w.Ctx, time.Nanosecond)
	defer cancel()
	begun := time.Now()
	if err := w.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		w.T.Fatalf("past its deadline, it gave %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		w.T.Fatalf("past its deadline, it took %v", took)
	}
}
