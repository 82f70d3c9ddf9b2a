package redis_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// counter counts what is sent and waited for at once.
type counter struct{ n atomic.Int64 }

func (c *counter) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *counter) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if name := strings.ToLower(cmd.Name()); name != "hello" && name != "auth" && name != "select" {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		switch name := strings.ToLower(cmds[0].Name()); name {
		case "hello", "auth", "select": // a new connection's
		default:
			c.n.Add(1)
		}
		return next(ctx, cmds)
	}
}

func TestRoundTripsOfEachCall(t *testing.T) {
	t.Parallel()
	s := open(t, redis.Options{URL: backend.SharedRedis(t)})
	l := live(t, s)
	l.end() // every script is loaded
	l.again()
	for range 30 {
		l.MustCreateConversation(l.tenant, l.user)
	}
	count := &counter{}
	s.AddHook(count)
	ctx, tenant, user, talk := l.Ctx, l.tenant, l.user, l.talk
	page, rate := core.Page{Limit: 100}, core.Rate{Key: "tenant:" + string(tenant), PerMinute: 60, Burst: 60, Cost: 1}
	fresh := l.MakeTenant()
	spare := l.MustCreateUser(tenant).ID
	event := func(kind core.EventType) core.Event { return l.MakeEvent(tenant, kind) }
	key := l.MakeKey(tenant)
	flush := l.MakeFlush(tenant, user, l.left, 2)
	other := l.MustCreateConversation(tenant, user).ID
	sealed := l.MakeAppendSealed(l.MakeAppend(user, other, 9), tenant, nil, 1, 8, 4)
	claim := core.IdempotencyClaim{OpID: "op", Now: l.Now(), LeaseUntil: l.Now(), Until: l.Now().Add(time.Hour)}
	addition := l.addition(tenant, 2)
	resealed := core.Resealed{Place: core.BlobPlace(tenant, l.blob), Was: l.blob.Sealed, Now: l.envelope(core.Place{})}
	l.ok(s.SetReencryption(ctx, core.DeploymentTenant, addition.Reencryption)) // nobody is to be struck off
	delivery := core.Delivery{ID: l.IDs.Delivery(), Status: core.DeliveryPending, NextAt: l.Now()}
	entries := []core.AuditEntry{{Event: l.MakeEvent(tenant, "x")}, {Event: l.MakeEvent(tenant, "x")}}
	for i := range entries {
		entries[i].Event.Seq, entries[i].Event.Actor = int64(i+1), core.Actor{}
	}
	count.n.Store(0)
	for _, c := range []struct {
		name string
		want int64
		run  func() error
	}{
		{"Append", 1, func() error { _, err := s.Append(ctx, tenant, l.Op(), l.MakeAppend(user, talk, 8)); return err }},
		{"AppendSealed", 1, func() error { _, err := s.AppendSealed(ctx, tenant, l.Op(), sealed); return err }},
		{"Buffered", 1, func() error { _, err := s.Buffered(ctx, tenant, user, talk, 500); return err }},
		{"CommitFlush", 1, func() error { _, err := s.CommitFlush(ctx, tenant, l.Op(), flush); return err }},
		{"MemoryVersion", 1, func() error { _, err := s.MemoryVersion(ctx, tenant, user); return err }},
		{"Changes", 1, func() error { _, _, err := s.Changes(ctx, tenant, user, 0, 100); return err }},
		{"Stretch", 2, func() error { _, err := s.Stretch(ctx, tenant, user, talk, core.Window{Limit: 50}); return err }},
		{"Blobs", 2, func() error { _, err := s.Blobs(ctx, tenant, user, page, true); return err }},
		{"Blob", 2, func() error { _, err := s.Blob(ctx, tenant, user, l.blob.ID); return err }},
		{"ConversationBlobs", 2, func() error { _, err := s.ConversationBlobs(ctx, tenant, user, talk); return err }},
		{"UserBuffer", 2, func() error { _, err := s.UserBuffer(ctx, tenant, user, page); return err }},
		{"RewriteBlob", 3, func() error { return s.RewriteBlob(ctx, tenant, l.Op(), l.MakeRewrite(tenant, l.blob, 0)) }},
		{"DeleteBuffered", 1, func() error {
			_, err := s.DeleteBuffered(ctx, tenant, l.Op(), core.BufferDelete{User: user, Conversation: talk, Event: event("x")})
			return err
		}},
		{"Expired", 2, func() error { _, err := s.Expired(ctx, tenant, l.Now().Add(time.Hour), 10); return err }},
		{"IdleBuffers", 3, func() error { _, err := s.IdleBuffers(ctx, l.Now().Add(time.Hour), 10); return err }},
		{"FindAPIKey", 2, func() error { _, _, err := s.FindAPIKey(ctx, l.key.Hash); return err }},
		{"Tenant", 1, func() error { _, err := s.Tenant(ctx, tenant); return err }},
		{"Usage", 1, func() error { _, err := s.Usage(ctx, tenant); return err }},
		{"User", 1, func() error { _, err := s.User(ctx, tenant, user); return err }},
		{"UserByRef", 2, func() error { _, err := s.UserByRef(ctx, tenant, "ref-"+string(user)); return err }},
		{"Users", 2, func() error { _, err := s.Users(ctx, tenant, page); return err }},
		{"CreateUser", 1, func() error { _, err := s.CreateUser(ctx, tenant, l.Op(), l.MakeUser(tenant)); return err }},
		{"Conversation", 1, func() error { _, err := s.Conversation(ctx, tenant, user, talk); return err }},
		{"Conversations", 2, func() error { _, err := s.Conversations(ctx, tenant, user, page); return err }},
		{"CreateConversation", 1, func() error {
			_, err := s.CreateConversation(ctx, tenant, l.Op(), l.MakeConversation(tenant, user))
			return err
		}},
		{"DeleteUser", 2, func() error { return s.DeleteUser(ctx, tenant, l.Op(), spare, event(core.EventUserDeleted)) }},
		{"APIKeys", 1, func() error { _, err := s.APIKeys(ctx, tenant, page); return err }},
		{"CreateAPIKey", 3, func() error { _, err := s.CreateAPIKey(ctx, tenant, l.Op(), key, event("x")); return err }},
		{"TouchAPIKeys", 1, func() error {
			return s.TouchAPIKeys(ctx, []core.KeyUse{{Tenant: tenant, Key: key.ID, At: l.Now()}, {Tenant: l.tenant, Key: key.ID, At: l.Now()}})
		}},
		{"CreateTenant", 10, func() error { _, err := s.CreateTenant(ctx, l.Op(), fresh); return err }},
		{"Begin", 1, func() error { _, err := s.Begin(ctx, tenant, claim); return err }},
		{"Complete", 1, func() error { return s.Complete(ctx, tenant, claim.Key, "op", nil) }},
		{"Events", 1, func() error { _, err := s.Events(ctx, tenant, 0, 100); return err }},
		{"RecordEvents", 1, func() error { return s.RecordEvents(ctx, tenant, l.Op(), event("x"), event("y")) }},
		{"Outboxes", 2, func() error { _, err := s.Outboxes(ctx, "", 100); return err }},
		{"Positions", 1, func() error { _, err := s.Positions(ctx, tenant); return err }},
		{"SetPosition", 1, func() error { return s.SetPosition(ctx, tenant, "log", 1) }},
		{"TrimEvents", 1, func() error { return s.TrimEvents(ctx, tenant, 1) }},
		{"AppendAudit", 2, func() error { return s.AppendAudit(ctx, tenant, entries[:1], core.AuditHead{Seq: 1}) }},
		{"AppendAudit of more", 1, func() error { return s.AppendAudit(ctx, tenant, entries[1:], core.AuditHead{Seq: 2}) }},
		{"AuditHead", 1, func() error { _, err := s.AuditHead(ctx, tenant); return err }},
		{"AuditEntries", 1, func() error { _, err := s.AuditEntries(ctx, tenant, 0, 100); return err }},
		{"FindAudit", 1, func() error { _, err := s.FindAudit(ctx, tenant, core.AuditQuery{Limit: 10}); return err }},
		{"FindAudit by all", 4, func() error {
			_, err := s.FindAudit(ctx, tenant, core.AuditQuery{Since: entries[0].Event.At, Until: l.Now(), Type: "x", Actor: "system", Limit: 10})
			return err
		}},
		{"AddDeliveries", 3, func() error { return s.AddDeliveries(ctx, tenant, []core.Delivery{delivery}) }},
		{"TakeDeliveries", 4, func() error { _, err := s.TakeDeliveries(ctx, l.Now(), l.Now(), 100, 10); return err }},
		{"Delivery", 1, func() error { _, err := s.Delivery(ctx, tenant, delivery.ID); return err }},
		{"Deliveries", 2, func() error { _, err := s.Deliveries(ctx, tenant, page); return err }},
		{"SaveDelivery", 3, func() error { return s.SaveDelivery(ctx, tenant, delivery) }},
		{"SaveDelivery that ended", 1, func() error {
			delivery.Status = core.DeliveryDelivered
			return s.SaveDelivery(ctx, tenant, delivery)
		}},
		{"TakeDeliveries of none", 1, func() error { _, err := s.TakeDeliveries(ctx, time.UnixMilli(1), l.Now(), 100, 10); return err }},
		{"NextDelivery", 1, func() error { _, err := s.NextDelivery(ctx); return err }},
		{"DataKeys", 1, func() error { _, err := s.DataKeys(ctx, tenant); return err }},
		{"AddDataKey", 2, func() error { return s.AddDataKey(ctx, tenant, l.Op(), addition) }},
		{"Reencryption", 1, func() error { _, err := s.Reencryption(ctx, tenant); return err }},
		{"SetReencryption", 2, func() error { return s.SetReencryption(ctx, tenant, addition.Reencryption) }},
		{"Rotating", 2, func() error { _, err := s.Rotating(ctx, "", 100); return err }},
		{"Reseal", 2, func() error { _, err := s.Reseal(ctx, tenant, []core.Resealed{resealed, resealed}); return err }},
		{"RewrapDataKey", 1, func() error { return s.RewrapDataKey(ctx, tenant, addition.Key, addition.Key) }},
		{"DestroyDataKey", 1, func() error { return s.DestroyDataKey(ctx, tenant, 1) }},
		{"Lease", 1, func() error { _, err := s.Lease(ctx, tenant, "work", "ada", l.Now(), l.Now()); return err }},
		{"EndLease", 1, func() error { return s.EndLease(ctx, tenant, "work", "ada") }},
		{"Take", 1, func() error { _, err := s.Take(ctx, l.Now(), rate); return err }},
		{"Ping", 1, func() error { return s.Ping(ctx) }},
	} {
		err := c.run()
		if got := count.n.Swap(0); err != nil || got != c.want {
			t.Errorf("%s takes %d round trips, want %d (%v)", c.name, got, c.want, err)
		}
	}
}
