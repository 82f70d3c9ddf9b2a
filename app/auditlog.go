package app

import (
	"context"
	"fmt"

	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/ports"
)

// auditLog is the log that is configured.
type auditLog struct {
	ports.AuditLog
	earlier ports.AuditLog    // the store's, where the log is elsewhere now
	monthly monthlyLog        // nil where nothing is dropped by month
	checks  []fiberhttp.Check // what it depends on besides the store
	close   func() error
}

// openAuditLog opens the log. A Postgres is a dependency that requests do not
// need: while it is down, events wait for it in the outboxes.
func openAuditLog(ctx context.Context, cfg config.Config, s ports.AuditLog) (auditLog, error) {
	if cfg.Audit.Backend == config.AuditStore {
		return auditLog{AuditLog: s, close: func() error { return nil }}, nil
	}
	log, err := postgres.Open(ctx, postgres.Options{URL: cfg.Audit.Postgres.URL.Reveal()})
	if err != nil {
		return auditLog{}, fmt.Errorf("audit.postgres.url: %w", err)
	}
	return auditLog{
		AuditLog: log, earlier: s, monthly: log, close: log.Close,
		checks: []fiberhttp.Check{{Name: "postgres", Ping: log.Ping}},
	}, nil
}
