package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// A server that can't serve now says so in many ways. To a caller they are one,
// and nothing is half done.
func TestServerThatCannotWriteIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, hurt := range map[string]func(t *testing.T, server *backend.RedisServer) (mend func()){
		"OOM": func(t *testing.T, server *backend.RedisServer) func() {
			command(t, server.URL(), "CONFIG", "SET", "maxmemory", "1")
			return func() { command(t, server.URL(), "CONFIG", "SET", "maxmemory", "0") }
		},
		"READONLY": func(t *testing.T, server *backend.RedisServer) func() {
			command(t, server.URL(), "REPLICAOF", "127.0.0.1", "1")
			return func() { command(t, server.URL(), "REPLICAOF", "NO", "ONE") }
		},
		"NOREPLICAS": func(t *testing.T, server *backend.RedisServer) func() {
			command(t, server.URL(), "CONFIG", "SET", "min-replicas-to-write", "1")
			return func() { command(t, server.URL(), "CONFIG", "SET", "min-replicas-to-write", "0") }
		},
		"MISCONF": failSaving,
		"LOADING": load,
		"NOAUTH":  lockOut,
		"BUSY":    keepBusy,
		"hanging": func(_ *testing.T, server *backend.RedisServer) func() { server.Freeze(); return server.Thaw },
		"restart": func(_ *testing.T, server *backend.RedisServer) func() { server.Kill(); return server.Restart },
		"no room": takeConnections,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := backend.Redis(t, backend.Set("enable-protected-configs", "yes"), backend.Set("enable-debug-command", "yes"))
			s := open(t, redis.Options{URL: server.URL()})
			l := live(t, s)
			u := l.MustCreateUser(l.MustCreateTenant().ID)
			tenant := lastTenant(t, l)
			before := l.Everything()
			mend := hurt(t, server)
			ctx, cancel := context.WithTimeout(l.Ctx, 8*time.Second)
			defer cancel()
			_, err := s.CreateConversation(ctx, tenant, l.Op(), l.MakeConversation(tenant, u.ID))
			if !core.Is(err, core.CodeUnavailable) {
				t.Errorf("got %v", err)
			}
			var e *core.Error
			if errors.As(err, &e) && (strings.Contains(strings.ToLower(e.Message), "redis") || e.RetryAfter <= 0) {
				t.Errorf("the answer is %+v", e)
			}
			mend()
			eventually(t, func() error { return s.Ping(l.Ctx) })
			// A server that hung does in the end what it had been sent.
			if after := l.Everything(); after != before && name != "hanging" {
				t.Error("what was refused left something")
			}
			if _, err := s.CreateConversation(l.Ctx, tenant, l.Op(), l.MakeConversation(tenant, u.ID)); err != nil {
				t.Errorf("it does not go on: %v", err)
			}
		})
	}
}

func lastTenant(t *testing.T, l *life) core.TenantID {
	t.Helper()
	ids, err := l.TenantIDs(l.Ctx, "", 10)
	if err != nil || len(ids) < 2 {
		t.Fatal(ids, err)
	}
	return ids[len(ids)-1]
}

// failSaving takes away the directory that snapshots are to be written to.
func failSaving(t *testing.T, server *backend.RedisServer) func() {
	t.Helper()
	set := func(name, value string) { command(t, server.URL(), "CONFIG", "SET", name, value) }
	dir := t.TempDir()
	set("dir", dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	set("save", "3600 1")
	command(t, server.URL(), "BGSAVE", "SCHEDULE") // after what else may be under way
	eventually(t, func() error {
		info, _ := command(t, server.URL(), "INFO", "persistence").(string)
		if !strings.Contains(info, "rdb_last_bgsave_status:err") {
			return errors.New("saving does not fail")
		}
		return nil
	})
	return func() { set("save", "") }
}

// load lets the server read its data anew, as after a restart, slowly.
func load(t *testing.T, server *backend.RedisServer) func() {
	t.Helper()
	set := func(name, value string) { command(t, server.URL(), "CONFIG", "SET", name, value) }
	set("key-load-delay", "20000")                       // microseconds
	set("loading-process-events-interval-bytes", "1024") // how often it looks up meanwhile
	o, err := goredis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	o.ReadTimeout, o.MaxRetries = patience, -1
	client := goredis.NewClient(o)
	over := make(chan error, 1)
	go func() { over <- client.Do(context.Background(), "DEBUG", "RELOAD").Err() }()
	eventually(t, func() error {
		if err := client.Ping(bounded(t)).Err(); err == nil || !strings.HasPrefix(err.Error(), "LOADING") {
			return fmt.Errorf("it does not load: %w", err)
		}
		return nil
	})
	return func() {
		set("key-load-delay", "0")
		if err := <-over; err != nil {
			t.Error(err)
		}
		_ = client.Close()
	}
}

func lockOut(t *testing.T, server *backend.RedisServer) func() {
	t.Helper()
	command(t, server.URL(), "CONFIG", "SET", "requirepass", "secret")
	command(t, strings.Replace(server.URL(), "//", "//:secret@", 1), "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
	return func() {
		command(t, strings.Replace(server.URL(), "//", "//:secret@", 1), "CONFIG", "SET", "requirepass", "")
	}
}

// keepBusy lets a script of somebody else's run on and on.
func keepBusy(t *testing.T, server *backend.RedisServer) func() {
	t.Helper()
	command(t, server.URL(), "CONFIG", "SET", "busy-reply-threshold", "50")
	o, err := goredis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	o.ReadTimeout, o.MaxRetries = patience, -1
	client := goredis.NewClient(o)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = client.Eval(context.Background(), "while true do end", nil).Err()
	}()
	eventually(t, func() error {
		if err := client.Ping(bounded(t)).Err(); err == nil || !strings.HasPrefix(err.Error(), "BUSY") {
			return fmt.Errorf("it is not busy: %w", err)
		}
		return nil
	})
	return func() {
		command(t, server.URL(), "SCRIPT", "KILL")
		<-over
		_ = client.Close()
	}
}

// takeConnections leaves no room for another one, and closes those there are.
func takeConnections(t *testing.T, server *backend.RedisServer) func() {
	t.Helper()
	o, err := goredis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(o)
	conn := client.Conn()
	for _, args := range [][]any{
		{"CONFIG", "SET", "maxclients", "1"},
		{"CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES"},
	} {
		if err := conn.Process(bounded(t), goredis.NewCmd(bounded(t), args...)); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := conn.ConfigSet(bounded(t), "maxclients", "1000").Err(); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		_ = client.Close()
	}
}

// What a step asks for is done once, whatever becomes of its reply.
func TestStepWhoseReplyIsLostIsDoneOnce(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	proxy := backend.Proxy(t, server.Addr())
	s := open(t, redis.Options{URL: "redis://" + proxy.Addr()})
	l := live(t, s)
	l.end() // the server knows every script now
	tenant := l.MustCreateTenant().ID
	user := l.MustCreateUser(tenant).ID
	talk := l.MustCreateConversation(tenant, user).ID
	event := func(kind core.EventType) core.Event { return l.MakeEvent(tenant, kind) }
	entries := l.MustAppend(tenant, user, talk, 4)
	flush := l.MakeFlush(tenant, user, entries[:2], 1)
	for _, step := range []struct {
		name string
		run  func(op core.Op) (any, error)
	}{
		{"Append", func(op core.Op) (any, error) { return s.Append(l.Ctx, tenant, op, l.MakeAppend(user, talk, 2)) }},
		{"CommitFlush", func(op core.Op) (any, error) { return s.CommitFlush(l.Ctx, tenant, op, flush) }},
		{"CreateUser", func(op core.Op) (any, error) { return s.CreateUser(l.Ctx, tenant, op, l.MakeUser(tenant)) }},
		{"CreateConversation", func(op core.Op) (any, error) {
			return s.CreateConversation(l.Ctx, tenant, op, l.MakeConversation(tenant, user))
		}},
		{"DeleteBlob", func(op core.Op) (any, error) {
			return nil, s.DeleteBlob(l.Ctx, tenant, op, core.BlobDelete{
				User: user, ID: flush.Blobs[0].ID, IfVersion: 1, At: l.Now(), Event: event(core.EventMemoryDeleted),
			})
		}},
		{"ClearMemory", func(op core.Op) (any, error) {
			return nil, s.ClearMemory(l.Ctx, tenant, op, user, event(core.EventMemoryDeleted))
		}},
		{"DeleteConversation", func(op core.Op) (any, error) {
			return nil, s.DeleteConversation(l.Ctx, tenant, op, user, talk, event(core.EventMemoryDeleted))
		}},
		{"DeleteUser", func(op core.Op) (any, error) {
			return nil, s.DeleteUser(l.Ctx, tenant, op, user, event(core.EventUserDeleted))
		}},
	} {
		op, events := l.Op(), len(l.events(tenant))
		cut := proxy.CutAfterRequest(string(tenant) + "}:operations") // every step names that key
		if _, err := step.run(op); !core.Is(err, core.CodeUnavailable) {
			t.Fatalf("%s: without its reply, it gave %v", step.name, err)
		}
		<-cut
		between := l.Everything()
		if _, err := step.run(op); err != nil {
			t.Errorf("%s: run again, it gave %v", step.name, err)
		}
		if after := l.Everything(); after != between {
			t.Errorf("%s: run again, it did something", step.name)
		}
		if more := len(l.events(tenant)) - events; more > 1 {
			t.Errorf("%s recorded %d events", step.name, more)
		}
		l.Recount(tenant)
	}
}

// Whoever has no memory left must be able to forget.
func TestForgettingNeedsNoFreeMemory(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	l := live(t, open(t, redis.Options{URL: server.URL()}))
	l.end()
	l.again()
	key := l.MakeKey(l.tenant)
	_, err := l.CreateAPIKey(l.Ctx, l.tenant, l.Op(), key, l.MakeEvent(l.tenant, core.EventKeyCreated))
	l.ok(err)
	command(t, server.URL(), "CONFIG", "SET", "maxmemory", "1")
	event := func() core.Event { return l.MakeEvent(l.tenant, core.EventMemoryDeleted) }
	l.ok(l.RevokeAPIKey(l.Ctx, l.tenant, l.Op(), key.ID, event()))
	l.ok(l.RewriteBlob(l.Ctx, l.tenant, l.Op(), l.MakeRewrite(l.tenant, l.blob, 0)))
	l.ok(l.DeleteBlob(l.Ctx, l.tenant, l.Op(), core.BlobDelete{User: l.user, ID: l.blob.ID, IfVersion: 2, At: l.Now(), Event: event()}))
	_, err = l.DeleteBuffered(l.Ctx, l.tenant, l.Op(), core.BufferDelete{
		User: l.user, Conversation: l.talk, IDs: []core.InteractionID{l.left[0].ID}, At: l.Now(), Event: event(),
	})
	l.ok(err)
	l.end()
	l.vanish()
	command(t, server.URL(), "CONFIG", "SET", "maxmemory", "0")
	for _, key := range allKeys(t, server.URL()) {
		if strings.Contains(key, string(l.tenant)) && !strings.HasSuffix(key, ":events") {
			t.Errorf("there is %q", key)
		}
	}
}

// Without an operation nobody could tell the second run from another step.
func TestStepWhoseReplyIsLostIsNeverRunAgainByItself(t *testing.T) {
	t.Parallel()
	proxy := backend.Proxy(t, backend.Redis(t).Addr())
	neverTwice(t, open(t, redis.Options{URL: "redis://" + proxy.Addr()}), proxy)
}

// The nodes of this Cluster say that they are where their proxies are.
func TestStepOnAClusterWhoseReplyIsLostIsNeverRunAgainByItself(t *testing.T) {
	t.Parallel()
	cluster := backend.RedisCluster(t)
	var proxies []*backend.ProxyServer
	var ports []string
	for _, node := range cluster.Nodes {
		proxy := backend.Proxy(t, node.Addr())
		_, port, err := net.SplitHostPort(proxy.Addr())
		if err != nil {
			t.Fatal(err)
		}
		proxies, ports = append(proxies, proxy), append(ports, port)
		command(t, node.URL(), "CONFIG", "SET", "cluster-announce-port", port)
	}
	for _, node := range cluster.Nodes {
		eventually(t, func() error { // the nodes tell each other
			slots := fmt.Sprint(command(t, node.URL(), "CLUSTER", "SLOTS"))
			for _, port := range ports {
				if !strings.Contains(slots, port) {
					return fmt.Errorf("%s is not told: %s", port, slots)
				}
			}
			return nil
		})
	}
	neverTwice(t, openSoon(t, redis.Options{URL: "redis+cluster://" + proxies[0].Addr()}), proxies...)
}

// neverTwice cuts the reply of an append without an operation, and counts.
func neverTwice(t *testing.T, s *redis.Store, proxies ...*backend.ProxyServer) {
	t.Helper()
	w := contract.NewWorld(t, s)
	tenant := w.MustCreateTenant().ID
	user := w.MustCreateUser(tenant).ID
	talk := w.MustCreateConversation(tenant, user).ID
	w.MustAppend(tenant, user, talk, 1) // the script is loaded
	for _, proxy := range proxies {
		proxy.CutAfterRequest(string(tenant) + "}:operations")
	}
	if _, err := s.Append(w.Ctx, tenant, core.Op{}, w.MakeAppend(user, talk, 1)); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("without its reply, it gave %v", err)
	}
	entries, err := s.Buffered(w.Ctx, tenant, user, talk, 10)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d interactions are there, want 2 (%v)", len(entries), err)
	}
}

func (l *life) events(tenant core.TenantID) []core.Event {
	l.t.Helper()
	events, err := l.Events(l.Ctx, tenant, 0, 10_000)
	l.ok(err)
	return events
}
