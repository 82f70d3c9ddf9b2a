package recall

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// DefaultMaxBytes bounds all users' indexes together where Options do not.
const DefaultMaxBytes = 512 << 20

// Options of a Service. Zero values stand for defaults.
type Options struct {
	// MaxBytes bounds, by estimate, the memory of all users' indexes together;
	// those not used for longest go first. An index that alone is larger
	// answers the requests that built it and is not kept.
	MaxBytes int64
	// Facts reads what is known of a user; nil for a deployment without facts.
	Facts factReader
}

// opener opens what was sealed for a place.
type opener interface {
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
}

// Service answers what a user's memory holds. Safe for concurrent use.
type Service struct {
	store store
	clock ports.Clock
	cache *cache
}

// New makes a Service. Nothing is read before the first question.
func New(
	memories ports.Memories, changes ports.Changes, opener opener, stemmer ports.Stemmer, clock ports.Clock, opt Options,
) *Service {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	return &Service{
		store: store{memories: memories, changes: changes, opener: opener, analyser: analyser{stemmer}, facts: opt.Facts},
		clock: clock,
		cache: newCache(opt.MaxBytes),
	}
}

// Stats says what the indexes take.
type Stats struct {
	Users int
	Bytes int64 // an estimate
}

// Stats returns the figures of the moment.
func (s *Service) Stats() Stats { return s.cache.stats() }

// Forget drops all indexes of a tenant at once. One that is being built is
// not kept.
func (s *Service) Forget(tenant core.TenantID) { s.cache.forget(tenant) }

// ForgetUser drops one user's index, as Forget does.
func (s *Service) ForgetUser(tenant core.TenantID, user core.UserID) {
	s.cache.forgetUser(owner{tenant, user})
}

// Follow brings a user's index up to date, if there is one, so that what was
// forgotten is gone from memory too. When that fails, the index is dropped.
func (s *Service) Follow(ctx context.Context, tenant core.TenantID, user core.UserID) {
	o := owner{tenant, user}
	e := s.cache.peek(o)
	if e == nil {
		return
	}
	if err := s.catchUp(ctx, o, e); err != nil {
		s.cache.forgetUser(o)
	}
}

func (s *Service) catchUp(ctx context.Context, o owner, e *entry) error {
	version, err := s.store.changes.MemoryVersion(ctx, o.tenant, o.user)
	if err != nil {
		return err
	}
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.give()
	if e.index == nil {
		return nil
	}
	if err := s.follow(ctx, o, e, version); err != nil {
		return err
	}
	s.cache.weigh(e)
	return nil
}

// read runs f on the user's index as it was at the start of read or later. f
// must not keep the index.
func (s *Service) read(ctx context.Context, tenant core.TenantID, user core.UserID, f func(*index)) error {
	version, err := s.store.changes.MemoryVersion(ctx, tenant, user)
	if err != nil {
		if core.Is(err, core.CodeNotFound) {
			s.ForgetUser(tenant, user)
		}
		return err
	}
	o := owner{tenant, user}
	e := s.cache.entry(o)
	if e.read(version, f) {
		return nil
	}
	if err := s.renew(ctx, o, e, version); err != nil {
		s.cache.discard(e)
		return err
	}
	e.read(anyVersion, f)
	return nil
}

// renew brings an entry's index to the version or a later one. Of concurrent
// calls one works and the others wait for it; if it fails, the next one tries.
func (s *Service) renew(ctx context.Context, o owner, e *entry, version int64) error {
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.give()
	if x := e.index; x != nil && x.version > version { // another call was here, or the store went back
		var err error
		if version, err = s.store.changes.MemoryVersion(ctx, o.tenant, o.user); err != nil {
			return err
		}
	}
	if x := e.index; x == nil || x.version > version {
		built, err := s.store.build(ctx, o, version)
		if err != nil {
			return err
		}
		e.put(built)
	} else if x.version < version {
		if err := s.follow(ctx, o, e, version); err != nil {
			return err
		}
	}
	s.cache.weigh(e)
	return nil
}

// follow applies what changed since the index's version, or builds anew when
// the store does not know that any more.
func (s *Service) follow(ctx context.Context, o owner, e *entry, version int64) error {
	for e.index.version < version {
		d, ok, err := s.store.difference(ctx, o, e.index.version)
		if err != nil {
			return err
		}
		if !ok {
			built, err := s.store.build(ctx, o, version)
			if err != nil {
				return err
			}
			e.put(built)
			return nil
		}
		e.change(func(x *index) {
			x.apply(d.version, d.changes, d.added)
			if d.factsChanged {
				x.setFacts(d.facts)
			}
		})
	}
	return nil
}
