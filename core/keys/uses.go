package keys

import (
	"context"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// maxUses bounds the memory of uses that were not written yet; beyond it the
// uses of further keys are dropped, which costs an exact last_used_at and
// nothing else.
const maxUses = 100_000

// uses gathers when keys were last used, so that no request pays a write for it.
type uses struct {
	mu   sync.Mutex
	last map[core.KeyID]core.KeyUse
}

func (u *uses) note(use core.KeyUse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[core.KeyID]core.KeyUse{}
	}
	if _, known := u.last[use.Key]; known || len(u.last) < maxUses {
		u.last[use.Key] = use
	}
}

func (u *uses) take() []core.KeyUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := make([]core.KeyUse, 0, len(u.last))
	for _, use := range u.last {
		list = append(list, use)
	}
	clear(u.last)
	return list
}

// FlushUses writes the uses noted since the last call. It is called about
// once a minute, and at the end; uses that it fails to write are noted again.
func (s *Service) FlushUses(ctx context.Context) error {
	list := s.uses.take()
	if len(list) == 0 {
		return nil
	}
	if err := s.store.TouchAPIKeys(ctx, list); err != nil {
		for _, use := range list {
			s.uses.renote(use)
		}
		return err
	}
	return nil
}

func (u *uses) renote(use core.KeyUse) {
	u.mu.Lock()
	newer, ok := u.last[use.Key]
	u.mu.Unlock()
	if !ok || newer.At.Before(use.At) {
		u.note(use)
	}
}

// lastUse is what a list shows: the stored time, or a later one not yet written.
func (u *uses) lastUse(id core.KeyID, stored *time.Time) *time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	use, ok := u.last[id]
	if !ok || stored != nil && !stored.Before(use.At) {
		return stored
	}
	return &use.At
}
