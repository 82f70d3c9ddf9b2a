package redis_test

import (
	"context"
	"net"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// meanwhile does something once, when a script has run in a pipeline.
type meanwhile struct {
	sha  string
	do   func()
	done bool
}

func (m *meanwhile) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (m *meanwhile) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (m *meanwhile) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		err := next(ctx, cmds)
		if args := cmds[0].Args(); len(args) > 1 && args[1] == m.sha && err == nil && !m.done {
			m.done = true
			m.do()
		}
		return err
	}
}

// What somebody adds while others are taken is not forgotten on the list.
func TestDeliveryAddedWhileOthersAreTakenIsNotLate(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	s, other := open(t, redis.Options{URL: url}), open(t, redis.Options{URL: url})
	l := live(t, s)
	now := time.Now().Add(time.Minute) // when everything is due
	if _, err := s.TakeDeliveries(l.Ctx, now, now.Add(time.Hour), 100, 100); err != nil {
		t.Fatal(err)
	}
	add := func(due time.Time) {
		l.ok(other.AddDeliveries(l.Ctx, l.tenant, []core.Delivery{{ID: l.IDs.Delivery(), Status: core.DeliveryPending, NextAt: due}}))
	}
	add(now)
	late := &meanwhile{do: func() { add(now.Add(5 * time.Second)) }}
	for sha, name := range redis.Scripts() {
		if name == "deliveries/take_deliveries" {
			late.sha = sha
		}
	}
	s.AddHook(late)
	taken, err := s.TakeDeliveries(l.Ctx, now, now.Add(time.Hour), 100, 100)
	if err != nil || len(taken) != 1 || !late.done {
		t.Fatalf("%d taken, %v, added meanwhile: %v", len(taken), err, late.done)
	}
	if next, err := s.NextDelivery(l.Ctx); err != nil || next.After(now.Add(5*time.Second)) {
		t.Errorf("the next is said to be at %v, %v; it is due at %v", next, err, now.Add(5*time.Second))
	}
	taken, err = s.TakeDeliveries(l.Ctx, now.Add(5*time.Second), now.Add(time.Hour), 100, 100)
	if err != nil || len(taken) != 1 {
		t.Errorf("%d taken when it is due, %v", len(taken), err)
	}
}
