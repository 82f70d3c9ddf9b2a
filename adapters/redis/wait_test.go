package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestStepThatReplicasDoNotConfirmIsUnavailable(t *testing.T) {
	t.Parallel()
	master := backend.Redis(t)
	replica := backend.Redis(t, backend.ReplicaOf(master))
	patient := redis.Options{URL: master.URL(), Wait: redis.Wait{Replicas: 1, Timeout: 20 * time.Second}}
	l := live(t, open(t, patient)) // every step is confirmed
	tenant := l.MustCreateTenant().ID
	hasty := patient
	hasty.Wait.Timeout = 300 * time.Millisecond
	s := open(t, hasty)
	first, event := l.Op(), l.MakeEvent(tenant, core.EventMemoryRead)
	eventually(t, func() error { return s.RecordEvents(l.Ctx, tenant, first, event) }) // its outbox is listed
	replica.Freeze()
	op, u := l.Op(), l.MakeUser(tenant)
	_, err := s.CreateUser(l.Ctx, tenant, op, u)
	if !core.Is(err, core.CodeUnavailable) || !strings.Contains(err.Error(), "0 of 1 replicas") {
		t.Errorf("without a replica: %v", err)
	}
	if err := s.Ping(l.Ctx); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("it says that it is well: %v", err)
	}
	if _, err := s.Tenant(l.Ctx, tenant); err != nil {
		t.Errorf("reading needs no replica: %v", err)
	}
	replica.Thaw()
	got, err := l.CreateUser(l.Ctx, tenant, op, l.MakeUser(tenant)) // run again, it is confirmed
	if err != nil || got.ID != u.Record.ID {
		t.Errorf("run again: %v, %v", got.ID, err)
	}
	if n := len(l.events(tenant)); n != 4 {
		t.Errorf("%d events were recorded", n)
	}
}

// Who waits for a replica while the master becomes one itself is told so.
func TestStepOnAMasterThatIsReplacedIsUnavailable(t *testing.T) {
	t.Parallel()
	master := backend.Redis(t)
	replica := backend.Redis(t, backend.ReplicaOf(master))
	l := live(t, open(t, redis.Options{URL: master.URL(), Wait: redis.Wait{Replicas: 1, Timeout: 20 * time.Second}}))
	tenant := l.MustCreateTenant().ID
	replica.Freeze()
	answer := make(chan error, 1)
	go func() {
		_, err := l.CreateUser(l.Ctx, tenant, l.Op(), l.MakeUser(tenant))
		answer <- err
	}()
	eventually(t, func() error {
		if clients := fmt.Sprint(command(t, master.URL(), "INFO", "clients")); !strings.Contains(clients, "blocked_clients:1") {
			return errors.New("nobody waits")
		}
		return nil
	})
	command(t, master.URL(), "REPLICAOF", "127.0.0.1", "1")
	if err := <-answer; !core.Is(err, core.CodeUnavailable) || !strings.Contains(err.Error(), "UNBLOCKED") {
		t.Errorf("it was told %v", err)
	}
	replica.Thaw()
}

func TestRefusalsComeThroughTheWait(t *testing.T) {
	t.Parallel()
	master := backend.Redis(t)
	backend.Redis(t, backend.ReplicaOf(master))
	s := open(t, redis.Options{URL: master.URL(), Wait: redis.Wait{Replicas: 1, Timeout: 20 * time.Second}})
	l := live(t, s)
	_, err := s.UpdateUser(l.Ctx, l.tenant, core.Op{}, core.UserUpdate{ID: l.IDs.User(), IfVersion: 1, At: l.Now()})
	if !core.Is(err, core.CodeNotFound) {
		t.Errorf("got %v", err)
	}
	command(t, master.URL(), "SCRIPT", "FLUSH")
	l.MustCreateUser(l.MustCreateTenant().ID)
}

// On a Cluster a step waits on the node that did it.
func TestWaitOnACluster(t *testing.T) {
	t.Parallel()
	cluster := backend.RedisCluster(t, backend.Replicas(1))
	s := open(t, redis.Options{URL: cluster.URL(), Wait: redis.Wait{Replicas: 1, Timeout: 20 * time.Second}})
	l := live(t, s)
	l.end()
	l.vanish()
}
