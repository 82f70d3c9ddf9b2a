package keys

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type stored = ports.APIKeys

// oneKey is a store in which every look-up finds the same key.
type oneKey struct {
	stored
	key    core.KeyRecord
	tenant core.TenantRecord
}

func (s oneKey) FindAPIKey(context.Context, core.KeyHash) (core.KeyRecord, core.TenantRecord, error) {
	return s.key, s.tenant, nil
}

// leaps is a clock that goes so much further each time it is read.
type leaps struct {
	now time.Time
	by  time.Duration
}

func (c *leaps) Now() time.Time {
	c.now = c.now.Add(c.by)
	return c.now
}

// BenchmarkAuthenticate finds who a key belongs to, by what was looked up a moment
// ago and by a look-up that costs nothing.
func BenchmarkAuthenticate(b *testing.B) {
	token, _, err := newToken(rand.Reader, core.EnvironmentLive)
	if err != nil {
		b.Fatal(err)
	}
	store := oneKey{key: core.KeyRecord{APIKey: core.APIKey{Scopes: core.ScopeMemoryRead}}}
	for name, by := range map[string]time.Duration{"cached": 0, "looked-up": 2 * cacheLife} {
		b.Run(name, func(b *testing.B) {
			s := New(store, nil, &leaps{now: time.Unix(1000, 0), by: by}, rand.Reader, nil, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Authenticate(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
