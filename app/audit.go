package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/relay"
	"github.com/raven-memory/raven/ports"
)

// auditSecret names the secret that the signing key is made of.
const auditSecret = "audit-signing"

// How the sinks of the audit log are served.
const (
	auditLinger      = 250 * time.Millisecond // an event alone is no batch
	auditBatch       = 1000
	sinkLinger       = 100 * time.Millisecond
	checkpointLinger = 2 * time.Second
	flushRefusals    = 10 * time.Second
	carryEvery       = time.Minute
	drainTime        = 5 * time.Second // for what the outboxes hold when the server stops
)

// auditing is the audit log, and what carries events into it and to others.
type auditing struct {
	service *audit.Service
	relay   *relay.Service
	checks  []fiberhttp.Check
	close   func() error
}

// openAudit wires the log and the relay. sinks are those beside the log.
func (a *App) openAudit(ctx context.Context, sinks ...relay.Lane) error {
	log, err := openAuditLog(ctx, a.cfg, a.store)
	if err != nil {
		return err
	}
	if log.earlier != nil { // the store's is observed already
		log.AuditLog = observe.NewAuditLog(log.AuditLog, a.hooks...)
	}
	a.audit = auditing{checks: log.checks, close: log.close}
	signer, err := a.signer(ctx)
	if err != nil {
		return err
	}
	deps := audit.Deps{
		Log: log, Earlier: log.earlier, Recorder: a.store, Relay: lateRelay{&a.audit}, Signer: signer,
		Clock: a.clock, IDs: a.ids, Cursors: a.cursors,
	}
	if deps.Publish, err = a.audit.publishTo(a.cfg.Audit); err != nil {
		return err
	}
	a.tenancy.Sign = signer
	a.audit.service = audit.New(deps, audit.Options{Reads: a.cfg.Audit.Reads})
	lanes := append([]relay.Lane{
		{Sink: a.audit.service.LogSink(), Linger: auditLinger, Batch: auditBatch},
		{Sink: a.audit.service.CheckpointSink(), Linger: checkpointLinger, Batch: auditBatch},
	}, lingering(sinks)...)
	a.audit.relay = relay.New(relay.Deps{
		Store: a.store, Leases: a.leases(), Holder: rand.Text(), Clock: a.clock,
		After:  func(d time.Duration, fire func()) func() { t := time.AfterFunc(d, fire); return func() { t.Stop() } },
		Jitter: mathrand.Float64,
		Report: a.reportRelay,
	}, lanes...)
	a.notified.Store(a.audit.relay)
	if len(log.checks) > 0 {
		a.audit.checks = append(a.audit.checks, fiberhttp.Check{Name: "outbox", Required: true, Ping: a.outboxHasRoom})
	}
	return nil
}

// lingering has events of a tenant that come together go together.
func lingering(sinks []relay.Lane) []relay.Lane {
	for i := range sinks {
		sinks[i].Linger = max(sinks[i].Linger, sinkLinger)
	}
	return sinks
}

// outboxHasRoom fails when changes are refused because a sink is down for long.
func (a *App) outboxHasRoom(context.Context) error {
	for name, lag := range a.audit.relay.State() {
		if lag.Down && lag.Most >= a.cfg.Audit.MaxOutbox {
			return fmt.Errorf("%d events of a tenant wait for %s", lag.Most, name)
		}
	}
	return nil
}

// leases are the store's where other processes may share it.
func (a *App) leases() ports.Leases {
	if a.cfg.Store.Backend == config.StoreRedis {
		return a.store
	}
	return nil
}

// signer makes the signing key, the same in every process of the deployment.
func (a *App) signer(ctx context.Context) (*audit.Signer, error) {
	d, err := a.store.Deployment(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := a.sealing.Secret(ctx, core.DeploymentTenant, auditSecret)
	if err != nil {
		return nil, err
	}
	return audit.NewSigner(d.ID, secret)
}

// lateRelay is a relay that is made after who uses it.
type lateRelay struct{ of *auditing }

// Drain is the relay's.
func (l lateRelay) Drain(ctx context.Context, tenant core.TenantID, sink string) error {
	return l.of.relay.Drain(ctx, tenant, sink)
}

// reportRelay tells of what fails and is tried again. A log that is not what it
// was is an alarm.
func (a *App) reportRelay(ctx context.Context, doing string, err error) {
	level := slog.LevelWarn
	if errors.Is(err, core.ErrAuditFork) {
		level = slog.LevelError
	}
	a.log.Log(ctx, level, "events wait", "doing", doing, "alarm", errors.Is(err, core.ErrAuditFork), "error", err.Error())
}

// notify is the store's word that a tenant's outbox has something new.
func (a *App) notify(tenant core.TenantID) {
	if r := a.notified.Load(); r != nil {
		r.Notify(tenant)
	}
}

// auditWork is what the log needs done beside the relay.
func (a *App) auditWork() []periodic {
	list := []periodic{{flushRefusals, a.audit.service.FreshRefusals(), "noting refused keys", a.audit.service.FlushRefusals}}
	if a.cfg.Audit.Backend != config.AuditStore {
		now := make(chan struct{}, 1)
		now <- struct{}{}
		list = append(list, periodic{carryEvery, now, "moving the audit log", a.carryOver()})
	}
	return list
}

// carryOver moves the store's log to where the log is now, until that was done
// once.
func (a *App) carryOver() func(context.Context) error {
	done := false
	return func(ctx context.Context) error {
		if done {
			return nil
		}
		err := a.audit.service.CarryOver(ctx)
		done = err == nil
		return err
	}
}

// closeAudit writes what is noted, and hands on what the outboxes hold as far
// as there is time: what is left waits for the next start.
func (a *App) closeAudit(ctx context.Context) error {
	failed := a.audit.service.FlushAllRefusals(ctx)
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	if err := a.audit.relay.DrainAll(ctx); err != nil {
		a.log.Warn("events wait for the next start", "error", err.Error())
	}
	return errors.Join(failed, a.audit.close())
}
