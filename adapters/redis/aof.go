package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// What is removed from Redis stays in its append-only file until Redis writes
// that anew. After wrapped keys were destroyed it is asked to: at once, but not
// all the time, as it costs a pass over all that is stored.

// rewritePause is how long a server is left alone after it was asked.
const rewritePause = time.Minute

// rewriteLog has the server that holds the key write its append-only file anew.
// One that can't now is asked again by PurgeTenants, as long as this process
// lives.
func (s *Store) rewriteLog(ctx context.Context, key string) {
	if s.trusted {
		return
	}
	node, err := s.nodeOf(ctx, key)
	if err != nil {
		return
	}
	at := addressOf(node)
	turn, ask := s.rewrites.begin(at, key, time.Now())
	if !ask {
		return
	}
	if err := node.BgRewriteAOF(ctx).Err(); err == nil || refusesRewrites(err) {
		s.rewrites.done(at, turn)
	}
}

// rewriteOwed asks those servers again that could not when they were asked.
func (s *Store) rewriteOwed(ctx context.Context) {
	for _, key := range s.rewrites.left() {
		s.rewriteLog(ctx, key)
	}
}

func addressOf(node goredis.UniversalClient) string {
	if one, ok := node.(*goredis.Client); ok {
		return one.Options().Addr
	}
	return ""
}

// refusesRewrites reports whether a server will not do it later either: its
// user may not, or it does not know the command.
func refusesRewrites(err error) bool {
	return hasWords(err, "NOPERM") || isReply(err) && !unavailable(err) && !strings.Contains(err.Error(), "in progress")
}

// rewrites is which servers are to write their append-only file anew. Safe for
// concurrent use.
type rewrites struct {
	pause time.Duration

	mu    sync.Mutex
	asked map[string]time.Time // by address, when it was last
	owed  map[string]owed      // by address
	turn  int64
}

// owed is the last reason to ask a server.
type owed struct {
	key  string // that it holds
	turn int64
}

// begin notes that a server is to do it, and reports whether to ask it now.
func (r *rewrites) begin(at, key string, now time.Time) (turn int64, ask bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed == nil {
		r.asked, r.owed = map[string]time.Time{}, map[string]owed{}
	}
	r.turn++
	r.owed[at] = owed{key, r.turn}
	if last, ok := r.asked[at]; ok && now.Sub(last) < r.pause {
		return r.turn, false
	}
	r.asked[at] = now
	return r.turn, true
}

// done settles what was owed, unless there is a later reason.
func (r *rewrites) done(at string, turn int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed[at].turn == turn {
		delete(r.owed, at)
	}
}

func (r *rewrites) left() (keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.owed {
		keys = append(keys, o.key)
	}
	return keys
}
