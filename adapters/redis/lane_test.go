package redis_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// Who shares a round trip waits for what all in it are answered: one who reads
// megabytes would hold up who only shows an API key.
func TestPayloadsAndListsShareNoRoundTrip(t *testing.T) {
	t.Parallel()
	s := open(t, redis.Options{URL: backend.SharedRedis(t)})
	var mu sync.Mutex
	var shared []string
	s.WatchLane(func(name string) {
		mu.Lock()
		defer mu.Unlock()
		shared = append(shared, name)
	})
	l := live(t, s)
	l.end()
	l.again()
	ctx, tenant, user, talk, page := l.Ctx, l.tenant, l.user, l.talk, core.Page{Limit: 100}
	for _, c := range []struct {
		name string
		want []string
		run  func() error
	}{
		{"FindAPIKey", []string{"hmget", "hget", "hgetall"}, func() error { _, _, err := s.FindAPIKey(ctx, l.key.Hash); return err }},
		{"Tenant", []string{"hgetall"}, func() error { _, err := s.Tenant(ctx, tenant); return err }},
		{"User", []string{"hgetall", "exists"}, func() error { _, err := s.User(ctx, tenant, user); return err }},
		{"Conversation", []string{"hgetall", "exists", "hget"}, func() error { _, err := s.Conversation(ctx, tenant, user, talk); return err }},
		{"MemoryVersion", []string{"hget", "exists", "hget"}, func() error { _, err := s.MemoryVersion(ctx, tenant, user); return err }},
		{"Blob", []string{"exists"}, func() error { _, err := s.Blob(ctx, tenant, user, l.blob.ID); return err }},
		{"Buffered", nil, func() error { _, err := s.Buffered(ctx, tenant, user, talk, 500); return err }},
		{"APIKeys", nil, func() error { _, err := s.APIKeys(ctx, tenant, page); return err }},
		{"DataKeys", nil, func() error { _, err := s.DataKeys(ctx, tenant); return err }},
		{"Users", nil, func() error { _, err := s.Users(ctx, tenant, page); return err }},
		{"Conversations", nil, func() error { _, err := s.Conversations(ctx, tenant, user, page); return err }},
		{"Blobs", nil, func() error { _, err := s.Blobs(ctx, tenant, user, page, true); return err }},
		{"ConversationBlobs", nil, func() error { _, err := s.ConversationBlobs(ctx, tenant, user, talk); return err }},
		{"UserBuffer", nil, func() error { _, err := s.UserBuffer(ctx, tenant, user, page); return err }},
		{"Stretch", nil, func() error { _, err := s.Stretch(ctx, tenant, user, talk, core.Window{Limit: 50}); return err }},
		{"Facts", nil, func() error { _, err := s.Facts(ctx, tenant, user, page); return err }},
		{"FactKeys", nil, func() error { _, err := s.FactKeys(ctx, tenant, user); return err }},
		{"Derived", nil, func() error { _, err := s.Derived(ctx, tenant, user, core.DerivedIndex, page, true); return err }},
		{"Changes", nil, func() error { _, _, err := s.Changes(ctx, tenant, user, 0, 100); return err }},
		{"Events", nil, func() error { _, err := s.Events(ctx, tenant, 0, 100); return err }},
		{"AuditEntries", nil, func() error { _, err := s.AuditEntries(ctx, tenant, 0, 100); return err }},
		{"FindAudit", nil, func() error { _, err := s.FindAudit(ctx, tenant, core.AuditQuery{Limit: 10}); return err }},
		{"Deliveries", nil, func() error { _, err := s.Deliveries(ctx, tenant, page); return err }},
		{"Expired", nil, func() error { _, err := s.Expired(ctx, tenant, l.Now().Add(time.Hour), 10); return err }},
		{"IdleBuffers", nil, func() error { _, err := s.IdleBuffers(ctx, l.Now().Add(time.Hour), 10); return err }},
	} {
		mu.Lock()
		shared = nil
		mu.Unlock()
		if err := c.run(); err != nil || !slices.Equal(shared, c.want) {
			t.Errorf("%s shares %v with others, want %v (%v)", c.name, shared, c.want, err)
		}
	}
}
