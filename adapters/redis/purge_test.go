package redis_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// ender ends a context when a script has run, as a crash right after it would
// end the call.
type ender struct {
	sha string
	end context.CancelFunc
}

func (e *ender) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (e *ender) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		err := next(ctx, cmd)
		if args := cmd.Args(); len(args) > 1 && args[1] == e.sha && err == nil {
			e.end()
		}
		return err
	}
}

func (e *ender) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// endAfter gives a context that ends when the script has run.
func endAfter(t *testing.T, s *redis.Store, script string) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(bounded(t))
	for sha, name := range redis.Scripts() {
		if name == script {
			s.AddHook(&ender{sha, cancel})
			return ctx
		}
	}
	t.Fatalf("there is no script %s", script)
	return nil
}

// A deletion that ends in the middle has happened: nothing of what it deleted
// can be read or counted, and the purge removes what is left.
func TestDeletionThatIsCutShortIsFinishedByThePurge(t *testing.T) {
	t.Parallel()
	for script, del := range map[string]func(ctx context.Context, l *life) error{
		"step/delete_user": func(ctx context.Context, l *life) error {
			return l.DeleteUser(ctx, l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventUserDeleted))
		},
		"forget/delete_conversation": func(ctx context.Context, l *life) error {
			return l.DeleteConversation(ctx, l.tenant, l.Op(), l.user, l.talk, l.MakeEvent(l.tenant, core.EventMemoryDeleted))
		},
		"step/clear_memory": func(ctx context.Context, l *life) error {
			return l.ClearMemory(ctx, l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted))
		},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			url := backend.SharedRedis(t)
			s := open(t, redis.Options{URL: url})
			warm := live(t, s)
			warm.end()
			l := &life{World: warm.World, t: t, store: s}
			l.again()
			if err := del(endAfter(t, s, script), l); err != nil {
				t.Fatal(err)
			}
			left := strings.Join(allKeys(t, url), "\n")
			if !strings.Contains(left, string(l.blob.ID)) || !strings.Contains(left, "{"+string(l.tenant)+"}:purge") {
				t.Fatalf("it was not cut short; there is\n%s", left)
			}
			cut := l.Everything()
			if strings.Contains(cut, string(l.left[0].ID)) {
				t.Error("what was deleted can be read")
			}
			l.Recount(l.tenant)
			if _, err := s.Blob(l.Ctx, l.tenant, l.user, l.blob.ID); !core.Is(err, core.CodeNotFound) {
				t.Errorf("a blob that was deleted: %v", err)
			}
			l.purge()
			if after := l.Everything(); after != cut {
				t.Error("the purge changed what can be read")
			}
			for _, key := range allKeys(t, url) {
				if strings.Contains(key, string(l.blob.ID)) || strings.Contains(key, ":buffer") || strings.HasSuffix(key, ":purge") {
					t.Errorf("after the purge, there is %q", key)
				}
			}
		})
	}
}

// again begins another tenant, with one of everything that a deletion removes.
func (l *life) again() {
	l.t.Helper()
	l.tenant = l.MustCreateTenant().ID
	l.user = l.MustCreateUser(l.tenant).ID
	l.talk = l.MustCreateConversation(l.tenant, l.user).ID
	entries := l.MustAppend(l.tenant, l.user, l.talk, 6)
	l.blob, l.left = l.MustFlush(l.tenant, l.user, entries[:3]), entries[3:]
}

// What comes into a conversation after its user's memory was cleared stays,
// however late the purge comes.
func TestPurgeLeavesWhatCameAfterTheClearing(t *testing.T) {
	t.Parallel()
	s := open(t, redis.Options{URL: backend.SharedRedis(t)})
	l := live(t, s)
	l.end()
	l.again()
	second := l.MustCreateConversation(l.tenant, l.user).ID
	l.MustAppend(l.tenant, l.user, second, 2)
	err := l.ClearMemory(endAfter(t, s, "step/clear_memory"), l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted))
	if err != nil {
		t.Fatal(err)
	}
	entries := l.MustAppend(l.tenant, l.user, l.talk, 4)
	l.MustFlush(l.tenant, l.user, entries[:2])
	l.Recount(l.tenant)
	before := l.Everything()
	l.purge()
	if l.Everything() != before {
		t.Error("the purge changed what can be read")
	}
	l.Recount(l.tenant)
}

// A registration whose process ends in the middle holds its email for a while,
// or for good when the tenant is there.
func TestRegistrationThatIsCutShort(t *testing.T) {
	t.Parallel()
	for script, made := range map[string]bool{
		"plain/reserve_email": false, "plain/reserve_key_hash": false, "plain/add_member": false,
		"step/create_tenant": true, "plain/confirm_email": true, "plain/confirm_key_hash": true,
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			url := backend.SharedRedis(t)
			s := open(t, redis.Options{URL: url})
			l := live(t, s)
			n := l.MakeTenant()
			if _, err := s.CreateTenant(endAfter(t, s, script), core.Op{}, n); err == nil {
				t.Fatal("it was not cut short")
			}
			other := l.MakeTenant()
			other.EmailKey = n.EmailKey
			if _, err := s.CreateTenant(l.Ctx, core.Op{}, other); !core.Is(err, core.CodeEmailTaken) {
				t.Errorf("its email is free at once: %v", err)
			}
			l.purge()
			for _, key := range []string{"tenant:email:" + n.EmailKey, hashKey(n.Key.Hash)} {
				ttl, _ := command(t, url, "PTTL", key).(int64)
				if made && ttl != -1 || !made && (ttl == -1 || ttl > 3_600_000) {
					t.Errorf("%s expires in %d ms", key, ttl)
				}
			}
			_, err := s.Tenant(l.Ctx, n.Record.ID)
			if made != (err == nil) {
				t.Errorf("the tenant: %v", err)
			}
		})
	}
}

// A memory may be cleared again before what the first clearing left is gone.
func TestPurgeRemovesWhatTwoClearingsLeft(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	s := open(t, redis.Options{URL: url})
	l := live(t, s)
	l.end()
	l.again()
	for range 2 {
		ctx := endAfter(t, s, "step/clear_memory")
		if err := l.ClearMemory(ctx, l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted)); err != nil {
			t.Fatal(err)
		}
		l.MustFlush(l.tenant, l.user, l.MustAppend(l.tenant, l.user, l.talk, 3))
	}
	l.ok(l.ClearMemory(l.Ctx, l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted)))
	l.purge()
	for _, key := range allKeys(t, url) {
		if strings.Contains(key, ":blob") || strings.HasSuffix(key, ":cleared") || strings.HasSuffix(key, ":purge") {
			t.Errorf("after the purge, there is %q", key)
		}
	}
}

// A buffer is as old as the oldest entry in it, whatever comes after.
func TestLaterAppendsDoNotMakeABufferYounger(t *testing.T) {
	t.Parallel()
	s := open(t, redis.Options{URL: backend.SharedRedis(t)})
	l := live(t, s)
	l.end()
	l.again()
	talk := l.MustCreateConversation(l.tenant, l.user).ID
	a := l.MakeAppend(l.user, talk, 1)
	for _, days := range []int{-9, -3, -6} {
		a.Entries[0].ID, a.Entries[0].AcceptedAt = l.IDs.Interaction(), l.Now().AddDate(0, 0, days)
		if _, err := s.Append(l.Ctx, l.tenant, core.Op{}, a); err != nil {
			t.Fatal(err)
		}
		got, err := s.Expired(l.Ctx, l.tenant, l.Now().AddDate(0, 0, -8), 10)
		if err != nil || len(got) != 1 || got[0].Conversation != talk {
			t.Errorf("with an entry of %d days: %v, %v", days, got, err)
		}
	}
}

// Who has had nothing to relay for a while costs nothing, and is listed again
// with the next event.
func TestIdleOutboxesAreStruckOff(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	l := live(t, open(t, redis.Options{URL: url}))
	listed := func() []core.OutboxState {
		t.Helper()
		boxes, err := l.Outboxes(l.Ctx, "", 10)
		l.ok(err)
		return boxes
	}
	l.trim()
	l.ok(l.TrimEvents(l.Ctx, core.DeploymentTenant, 1<<62))
	members := func() any { return command(t, url, "ZCARD", "raven:{outboxes}") }
	if got := listed(); len(got) != 0 || members() != int64(2) {
		t.Errorf("somebody is struck off who may be about to record: %v, %v", got, members())
	}
	command(t, url, "DEL", "raven:{outboxes}:reserved") // as time does
	if got := listed(); len(got) != 0 || members() != int64(0) {
		t.Errorf("the idle stay on the list: %v, %v", got, members())
	}
	other := open(t, redis.Options{URL: url})
	l.ok(other.RecordEvents(l.Ctx, l.tenant, core.Op{}, l.MakeEvent(l.tenant, core.EventMemoryRead)))
	if got := listed(); len(got) != 1 || got[0].Tenant != l.tenant {
		t.Errorf("who has an event again is not listed: %v", got)
	}
}

// A process that ends between a delivery and its listing leaves a tenant that is
// looked at until then.
func TestDeliveryThatWasOnlyAnnouncedIsFound(t *testing.T) {
	t.Parallel()
	s := open(t, redis.Options{URL: backend.SharedRedis(t)})
	l := live(t, s)
	take := func() int {
		t.Helper()
		list, err := l.TakeDeliveries(l.Ctx, time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), 10, 10)
		l.ok(err)
		return len(list)
	}
	take()
	ctx := endAfter(t, s, "deliveries/add_deliveries")
	d := core.Delivery{ID: l.IDs.Delivery(), Status: core.DeliveryPending, NextAt: time.Now()}
	l.ok(s.AddDeliveries(ctx, l.tenant, []core.Delivery{d}))
	if got := take(); got != 1 {
		t.Errorf("%d deliveries are taken", got)
	}
	next, err := l.NextDelivery(l.Ctx)
	if err != nil || time.Until(next) > 2*time.Second {
		t.Errorf("while it may not be all, the next is said to be at %v, %v", next, err)
	}
}
