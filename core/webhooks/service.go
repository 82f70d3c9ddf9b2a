// Package webhooks tells tenants of their events: a sink that turns events into
// deliveries, a sender that signs and posts them by the rules of Standard
// Webhooks (github.com/standard-webhooks/standard-webhooks), and the log of it.
//
// A delivery is made at least once, in no particular order. Every attempt has
// the event's id as its webhook-id, by which a receiver knows what it has.
package webhooks

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// tenants knows where a tenant's events go.
type tenants interface {
	Webhook(ctx context.Context, tenant core.TenantID) (core.Webhook, error)
	AddWebhookSecret(ctx context.Context, caller core.Caller, op core.Op, secret []byte) (core.Webhook, error)
	DisableWebhook(ctx context.Context, tenant core.TenantID, url string) error

	// FormerWebhook opens the Webhook of the event that the tenant was deleted.
	FormerWebhook(ctx context.Context, tenant core.TenantID, event core.EventID, sealed []byte) (core.Webhook, error)
}

// poster posts a body to a URL of a tenant's, follows no redirect, and goes
// nowhere that the operator does not let it. retryAfter is how long the receiver
// asks to be left alone, 0 when it does not. The Message of a *core.Error says
// why there was no answer.
type poster interface {
	Post(ctx context.Context, url string, headers map[string]string, body []byte) (status int, retryAfter time.Duration, err error)
}

// Deps are what the service works with.
type Deps struct {
	Store   ports.Deliveries
	Tenants tenants
	Post    poster
	Clock   ports.Clock
	IDs     *core.IDs
	Cursors *core.Cursors
	Random  io.Reader      // cryptographically secure
	Chance  func() float64 // from 0 to 1, to spread retries with

	// Report is told of failures that no caller hears of.
	Report func(ctx context.Context, doing string, err error)
}

// Options say when to try again. The zero value takes the defaults.
type Options struct {
	// Schedule is how long after the event, and after each failed attempt, the
	// next attempt is made, give or take a fifth. Past its end a delivery has
	// failed.
	Schedule []time.Duration
	// MaxPending bounds a tenant's deliveries that are pending, or nearly so; past
	// it an event's delivery fails at once. 100,000.
	MaxPending int64
	// Timeout is how long a receiver has to answer.
	Timeout time.Duration
	// Pause is how long a receiver is left alone that only failed of late; it
	// doubles up to maxPause while it goes on failing.
	Pause time.Duration
}

// Service is safe for concurrent use.
type Service struct {
	Deps
	opt     Options
	lanes   *lanes
	wake    chan struct{}
	running sync.WaitGroup

	notBefore time.Time // of Send's next look for what is due
}

// New makes the service. Its sender does nothing until Send is called.
func New(deps Deps, opt Options) *Service {
	if opt.Schedule == nil {
		opt.Schedule = defaultSchedule
	}
	if opt.MaxPending <= 0 {
		opt.MaxPending = defaultMaxPending
	}
	if opt.Timeout <= 0 {
		opt.Timeout = defaultTimeout
	}
	if opt.Pause <= 0 {
		opt.Pause = defaultPause
	}
	return &Service{Deps: deps, opt: opt, lanes: newLanes(opt.Pause), wake: make(chan struct{}, 1)}
}

// Woken receives when there may be more for Send to do.
func (s *Service) Woken() <-chan struct{} { return s.wake }

func (s *Service) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // told already
	}
}
