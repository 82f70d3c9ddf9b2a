package app

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/adapters/outbound"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core/relay"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/webhooks"
)

const (
	// lookForDeliveries is how often a process looks for deliveries that another
	// left. Its own wake it.
	lookForDeliveries = time.Minute
	// afterFailure is when a process looks again that could not.
	afterFailure = 2 * time.Second
	// finishSending is how long a stop waits for requests under way.
	finishSending = 5 * time.Second
)

func webhookRules(cfg config.Webhooks) tenancy.WebhookRules {
	return tenancy.WebhookRules{AllowNetworks: cfg.AllowNetworks, AllowHTTP: cfg.AllowHTTP}
}

// openWebhooks wires the sender, and gives the lane that its events come by.
func (a *App) openWebhooks() ([]relay.Lane, error) {
	cfg := a.cfg.Webhooks
	client, err := outbound.New(outbound.Options{AllowNetworks: cfg.AllowNetworks, AllowHTTP: cfg.AllowHTTP, CAFile: cfg.CAFile, Through: a.transport()})
	if err != nil {
		return nil, fmt.Errorf("webhooks.ca_file: %w", err)
	}
	a.webhooks = webhooks.New(webhooks.Deps{
		Store: a.store, Tenants: a.tenancy, Post: observe.NewPoster(client, a.hooks...), Clock: a.clock, IDs: a.ids, Cursors: a.cursors,
		Random: rand.Reader, Chance: mathrand.Float64, Report: a.report,
	}, webhooks.Options{MaxPending: a.cfg.Webhooks.MaxPending})
	return []relay.Lane{{Sink: a.webhooks}}, nil
}

// sendWebhooks sends what is due until ctx is done; then it lets the requests
// under way finish, for a while.
func (a *App) sendWebhooks(ctx context.Context) {
	sending, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	for ctx.Err() == nil {
		timer := time.NewTimer(a.untilNextDelivery(sending))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.webhooks.Woken():
		}
		timer.Stop()
	}
	defer time.AfterFunc(finishSending, breakOff).Stop()
	a.webhooks.Wait()
}

// untilNextDelivery sends what is due and says how long until more is.
func (a *App) untilNextDelivery(ctx context.Context) time.Duration {
	next, err := a.webhooks.Send(ctx)
	switch {
	case err != nil:
		a.report(ctx, "looking for webhooks to send", err)
		return afterFailure
	case next.IsZero():
		return lookForDeliveries
	default:
		return min(next.Sub(a.clock.Now()), lookForDeliveries)
	}
}
