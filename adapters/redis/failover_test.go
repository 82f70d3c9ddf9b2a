package redis_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

func TestNothingAcknowledgedIsLostWhenSentinelsPromoteAReplica(t *testing.T) {
	t.Parallel()
	sentinel := backend.RedisSentinel(t)
	opt := redis.Options{URL: sentinel.URL(), Wait: redis.Wait{Replicas: 1, Timeout: time.Second}}
	survives(t, opt, func() { sentinel.SwitchOver() })
}

func TestNothingAcknowledgedIsLostWhenAMasterOfAClusterDies(t *testing.T) {
	t.Parallel()
	// Two replicas, so that a step can be confirmed with one of them promoted.
	cluster := backend.RedisCluster(t, backend.Replicas(2))
	opt := redis.Options{URL: cluster.URL(), Wait: redis.Wait{Replicas: 1, Timeout: time.Second}}
	s := openSoon(t, opt)
	w := contract.NewWorld(t, s)
	tenant := w.MustCreateTenant().ID
	survivesIn(t, s, w, tenant, func() { cluster.KillMaster("tenant:{" + string(tenant) + "}") })
}

func survives(t *testing.T, opt redis.Options, fail func()) {
	t.Helper()
	s := openSoon(t, opt)
	w := contract.NewWorld(t, s)
	survivesIn(t, s, w, w.MustCreateTenant().ID, fail)
}

// survivesIn appends from several callers, each step under an operation that is
// run again until it is acknowledged, while the servers fail; then it counts.
func survivesIn(t *testing.T, s *redis.Store, w *contract.World, tenant core.TenantID, fail func()) {
	t.Helper()
	user := w.MustCreateUser(tenant).ID
	const callers, steps = 4, 40
	talks := make([]core.ConversationID, callers)
	for i := range talks {
		talks[i] = w.MustCreateConversation(tenant, user).ID
	}
	var wg sync.WaitGroup
	half := make(chan struct{}, callers)
	for _, talk := range talks {
		wg.Go(func() {
			for n := range steps {
				op, a := w.Op(), w.MakeAppend(user, talk, 2)
				acknowledged(t, func(ctx context.Context) error {
					_, err := s.Append(ctx, tenant, op, a)
					return err
				})
				if n == steps/4 {
					half <- struct{}{}
				}
			}
		})
	}
	for range callers {
		<-half
	}
	fail()
	wg.Wait()
	for _, talk := range talks {
		var c core.ConversationRecord
		eventually(t, func() (err error) { // the client may still ask a server that is gone
			c, err = s.Conversation(w.Ctx, tenant, user, talk)
			return err
		})
		if c.Interactions != 2*steps {
			t.Errorf("of %d interactions %d are there", 2*steps, c.Interactions)
		}
	}
	w.Recount(tenant)
}

// acknowledged runs a step again until it is acknowledged.
func acknowledged(t *testing.T, step func(context.Context) error) {
	t.Helper()
	deadline, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		ctx, cancel := context.WithTimeout(deadline, 3*time.Second)
		err := step(ctx)
		cancel()
		if err == nil {
			return
		}
		if deadline.Err() != nil {
			t.Errorf("it is not acknowledged: %v", err)
			return
		}
		if code := core.CodeOf(err); code != core.CodeUnavailable && ctx.Err() == nil {
			t.Errorf("while the servers fail: %v", err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestClusterWithoutOneOfItsNodesIsUnavailable(t *testing.T) {
	t.Parallel()
	cluster := backend.RedisCluster(t)
	s := openSoon(t, redis.Options{URL: cluster.URL()})
	w := contract.NewWorld(t, s)
	tenant := w.MustCreateTenant().ID
	node := cluster.Master("tenant:{" + string(tenant) + "}")
	node.Kill()
	eventually(t, func() error { // the others notice after a while
		_, err := s.CreateUser(w.Ctx, tenant, core.Op{}, w.MakeUser(tenant))
		if !core.Is(err, core.CodeUnavailable) {
			t.Fatalf("writing gave %v", err)
		}
		if _, err := s.Tenant(w.Ctx, tenant); !core.Is(err, core.CodeUnavailable) {
			t.Fatalf("reading gave %v", err)
		}
		_, err = s.CreateTenant(w.Ctx, core.Op{}, w.MakeTenant())
		if err == nil {
			return errors.New("the cluster still serves what is elsewhere")
		}
		if !core.Is(err, core.CodeUnavailable) {
			t.Fatalf("registering gave %v", err)
		}
		return nil
	})
	node.Restart()
	eventually(t, func() error { return s.Ping(w.Ctx) })
	w.MustCreateUser(tenant)
}

// A quota holds however many nodes use it up at once.
func TestQuotaHoldsOverTwoNodes(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	nodes := []*redis.Store{open(t, redis.Options{URL: url}), open(t, redis.Options{URL: url})}
	w := contract.NewWorld(t, nodes[0])
	tenant := w.MustCreateTenant(func(s *core.Settings) { s.MaxUsers = 100 }).ID
	var made, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			_, err := nodes[i%2].CreateUser(w.Ctx, tenant, w.Op(), w.MakeUser(tenant))
			switch core.CodeOf(err) {
			case "":
				made.Add(1)
			case core.CodeQuotaExhausted:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 100 || refused.Load() != 100 {
		t.Errorf("%d were made and %d refused", made.Load(), refused.Load())
	}
	w.Recount(tenant)
}
