package app

import (
	"context"
	"fmt"
	"os"
	"sync"

	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// auditLog is the log that is configured.
type auditLog struct {
	ports.AuditLog
	earlier ports.AuditLog    // the store's, where the log is elsewhere now
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
		AuditLog: log, earlier: s, close: log.Close,
		checks: []fiberhttp.Check{{Name: "postgres", Ping: log.Ping}},
	}, nil
}

// checkpointFile takes checkpoints in, each followed by an empty line.
type checkpointFile struct {
	mu   sync.Mutex
	file *os.File
}

func openCheckpointFile(path string) (*checkpointFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &checkpointFile{file: f}, nil
}

// append writes a note, in one piece, so that processes may share the file.
func (c *checkpointFile) append(_ core.TenantID, note []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.file.Write(append(note[:len(note):len(note)], '\n')); err != nil {
		return fmt.Errorf("audit.checkpoint_file: %w", err)
	}
	return c.file.Sync()
}

func (c *checkpointFile) close() error { return c.file.Close() }
