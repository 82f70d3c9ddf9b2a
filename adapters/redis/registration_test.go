package redis_test

import (
	"context"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// A registration goes over several slots, and may be cut anywhere between. Where
// the tenant was made, the next finishes it; before, it makes its own, whose API
// key it can hand out.
func TestRegistrationWhoseReplyIsLostIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	proxy := backend.Proxy(t, server.Addr())
	s := open(t, redis.Options{URL: "redis://" + proxy.Addr()})
	l := live(t, s)
	for sha, at := range redis.Scripts() {
		op, n := l.Op(), l.MakeTenant()
		second := l.MakeTenant() // as another process would make it
		second.EmailKey = n.EmailKey
		want := n
		switch at {
		case "plain/claim_operation", "plain/reserve_email", "plain/reserve_key_hash", "plain/add_member":
			want = second
		case "step/create_tenant", "plain/confirm_email", "plain/confirm_key_hash", "plain/confirm_tenant", "plain/finish_operation":
		default:
			continue
		}
		cut := proxy.CutAfterRequest(sha)
		_, err := s.CreateTenant(l.Ctx, op, n)
		if !core.Is(err, core.CodeUnavailable) {
			t.Fatalf("cut at %s, it gave %v", at, err)
		}
		<-cut
		for range 2 { // the second is a replay
			made, err := s.CreateTenant(l.Ctx, op, second)
			if err != nil {
				t.Fatalf("cut at %s, and run again: %v", at, err)
			}
			if made.ID != want.Record.ID {
				t.Errorf("cut at %s, the operation made another tenant", at)
			}
		}
		registeredOnce(t, l, server, op, want, n, second)
		if t.Failed() {
			t.Fatalf("cut at %s", at)
		}
	}
}

// registeredOnce expects that an operation made one tenant and nothing of others.
func registeredOnce(t *testing.T, l *life, server *backend.RedisServer, op core.Op, made core.NewTenant, tried ...core.NewTenant) {
	t.Helper()
	if _, found, err := l.FindAPIKey(l.Ctx, made.Key.Hash); err != nil || found.ID != made.Record.ID {
		t.Errorf("its key finds %v, %v", found.ID, err)
	}
	for _, other := range tried {
		if other.Record.ID == made.Record.ID {
			continue
		}
		if _, err := l.Tenant(l.Ctx, other.Record.ID); !core.Is(err, core.CodeNotFound) {
			t.Errorf("it made two tenants (%v)", err)
		}
		if _, _, err := l.FindAPIKey(l.Ctx, other.Key.Hash); !core.Is(err, core.CodeNotFound) {
			t.Errorf("a key that is of no tenant is found (%v)", err)
		}
	}
	if again, err := l.CreateTenant(l.Ctx, op, l.MakeTenant()); err != nil || again.ID != made.Record.ID {
		t.Errorf("a replay gives %v, %v", again.ID, err)
	}
	taken := l.MakeTenant()
	taken.EmailKey = made.EmailKey
	if _, err := l.CreateTenant(l.Ctx, l.Op(), taken); !core.Is(err, core.CodeEmailTaken) {
		t.Errorf("its email may be taken: %v", err)
	}
	if ttl := command(t, server.URL(), "PTTL", "tenant:email:"+made.EmailKey); ttl != int64(-1) {
		t.Errorf("its email expires in %v ms", ttl)
	}
}

// held stops a store before it sends a script the first time, until it is let go.
type held struct {
	sha     string
	reached chan struct{}
	goOn    chan struct{}
	once    sync.Once
}

func (*held) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h *held) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if args := cmd.Args(); len(args) > 1 && args[1] == h.sha {
			h.once.Do(func() {
				close(h.reached)
				<-h.goOn
			})
		}
		return next(ctx, cmd)
	}
}

func (*held) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// A process may stand still in a registration while another one takes it over,
// and go on after.
func TestRegistrationThatIsTakenOverMakesNothing(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	l := live(t, open(t, redis.Options{URL: server.URL()}))
	for sha, at := range redis.Scripts() {
		switch at {
		case "plain/reserve_email", "plain/reserve_key_hash", "plain/add_member", "step/create_tenant":
		default:
			continue
		}
		hold := &held{sha: sha, reached: make(chan struct{}), goOn: make(chan struct{})}
		slow := open(t, redis.Options{URL: server.URL()})
		slow.AddHook(hold)
		op, first, second := l.Op(), l.MakeTenant(), l.MakeTenant()
		second.EmailKey = first.EmailKey
		slowly := make(chan core.TenantRecord, 1)
		go func() {
			made, err := slow.CreateTenant(l.Ctx, op, first)
			if err != nil {
				t.Errorf("who was overtaken at %s got %v", at, err)
			}
			slowly <- made
		}()
		select {
		case <-hold.reached:
		case <-l.Ctx.Done():
			t.Fatalf("%s is not run", at)
		}
		made, err := l.CreateTenant(l.Ctx, op, second)
		if err != nil || made.ID != second.Record.ID {
			t.Errorf("who overtook at %s got %v, %v", at, made.ID, err)
		}
		close(hold.goOn)
		if late := <-slowly; late.ID != made.ID {
			t.Errorf("who was overtaken at %s got %v, want %v", at, late.ID, made.ID)
		}
		registeredOnce(t, l, server, op, second, first)
		if t.Failed() {
			t.Fatalf("overtaken at %s", at)
		}
	}
}
