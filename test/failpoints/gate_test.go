package failpoints

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// mode is how a side effect goes wrong.
type mode string

const (
	none       mode = ""
	kill       mode = "kill"         // the process ends before it; behind the last one, before the answer
	failBefore mode = "error before" // it does not take place, and fails
	failAfter  mode = "error after"  // it takes place, and fails for who called
	overtaken  mode = "overtaken"    // a second caller does the same before it takes place
	late       mode = "late"         // it takes place when the caller's time has run out
)

var modes = []mode{kill, failBefore, failAfter, overtaken, late}

// reads are the calls of ports that change nothing and stay in the process or
// its store. What is not among them is a side effect.
var reads = []string{
	"Tenants.Tenant", "Tenants.TenantIDs", "Tenants.Usage",
	"APIKeys.FindAPIKey", "APIKeys.APIKeys",
	"Users.User", "Users.UserByRef", "Users.Users",
	"Conversations.Conversation", "Conversations.ConversationByRef", "Conversations.Conversations",
	"Buffer.Buffered", "Buffer.IdleBuffers",
	"Memories.Stretch", "Memories.Blobs", "Memories.Blob", "Memories.ConversationBlobs", "Memories.UserBuffer",
	"Forgetting.Expired", "Changes.MemoryVersion", "Changes.Changes", "Facts.Facts", "Derived.Derived",
	"Outbox.Events", "Relaying.Outboxes", "Relaying.Positions",
	"AuditLog.AuditHead", "AuditLog.FindAudit", "AuditLog.AuditEntries", "AuditLog.AuditTenants",
	"AuditLog.LastCheckpoint", "AuditLog.AuditDropped",
	"Deliveries.PendingDeliveries", "Deliveries.Delivery", "Deliveries.Deliveries", "Deliveries.NextDelivery",
	"DataKeys.DataKeys", "DataKeys.Deployment", "KeyRotation.Reencryption", "KeyRotation.Rotating",
	"Health.Ping", "PlatformKeys.Health",
}

var (
	errInjected = errors.New("injected")
	errDead     = errors.New("the process is dead")
)

// gate is what every call of a port goes through.
type gate struct {
	mu     sync.Mutex
	armed  bool
	seen   []string // side effects since it was armed
	at     int      // which of them goes wrong
	how    mode
	dead   bool            // nothing gets out of the process any more
	broken map[string]bool // fail before, each time
	second func()          // what the second caller does
}

// arm has the side effect at go wrong, counted from here on.
func (g *gate) arm(how mode, at int, second func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed, g.seen, g.at, g.how, g.second = true, nil, at, how, second
}

// disarm tells which side effects there were.
func (g *gate) disarm() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed = false
	return g.seen
}

func (g *gate) die() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
}

func (g *gate) breakDown(calls ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = map[string]bool{}
	for _, call := range calls {
		g.broken[call] = true
	}
}

type hitKey struct{}

// Begin implements observe.Hook: the call that goes wrong is known by its context.
func (g *gate) Begin(ctx context.Context, port, method string) context.Context {
	name := port + "." + method
	if port == "Background" || slices.Contains(reads, name) {
		return ctx
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.armed || g.dead {
		return ctx
	}
	g.seen = append(g.seen, name)
	if g.how == none || len(g.seen)-1 != g.at {
		return ctx
	}
	return context.WithValue(ctx, hitKey{}, g.how)
}

// End implements observe.Hook.
func (*gate) End(context.Context, string, string, time.Duration, string, bool) {}

// Before implements observe.Gate.
func (g *gate) Before(ctx context.Context, port, method string) error {
	if port == "Background" {
		return nil
	}
	g.mu.Lock()
	dead, broken, second := g.dead, g.broken[port+"."+method], g.second
	g.mu.Unlock()
	if dead {
		return failure(port, errDead)
	}
	if broken {
		return failure(port, errInjected)
	}
	switch ctx.Value(hitKey{}) {
	case kill:
		g.die()
		return failure(port, errDead)
	case failBefore:
		return failure(port, errInjected)
	case overtaken:
		second()
	}
	return nil
}

// After implements observe.Gate.
func (g *gate) After(ctx context.Context, port, _ string, err error) error {
	if err != nil {
		return err
	}
	switch ctx.Value(hitKey{}) {
	case failAfter:
		return failure(port, errInjected)
	case late:
		select { // some work goes on for a while after who asked for it is gone
		case <-ctx.Done():
		case <-time.After(2 * shortTime):
		}
		return failure(port, context.DeadlineExceeded)
	}
	return nil
}

// failure is how a port tells that what is behind it can't be reached.
func failure(port string, cause error) error {
	if port == "PlatformKeys" || port == "TenantKeys" || port == "FormerKeys" {
		return &core.Error{Code: core.CodeKeyManagement, Message: "The keys can't be reached.", RetryAfter: time.Second, Cause: cause}
	}
	return core.Unavailable(cause)
}
