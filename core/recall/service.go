package recall

import (
	"context"
	"runtime"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// DefaultMaxBytes bounds all users' indexes together where Options do not.
const DefaultMaxBytes = 512 << 20

// buildsPerProcessor is how many indexes are built at once where Options do not
// say: some wait for the store while another one computes. More would only take
// the memory of all of them at the same time.
const buildsPerProcessor = 4

// Options of a Service. Zero values stand for defaults.
type Options struct {
	// Thesaurus knows words near in meaning to a question's; nil for none.
	Thesaurus ports.Thesaurus
	// MaxBytes bounds, by estimate, the memory of all users' indexes together;
	// those not used for longest go first. An index that alone is larger
	// answers the requests that built it and is not kept.
	MaxBytes int64
	// Builds is how many indexes may be built at once; the others wait, each for
	// its turn. 0: four a processor.
	Builds int
	// Facts reads what is known of a user; nil for a deployment without facts.
	Facts factReader
	// Segments keeps segments of indexes; nil for a service without any.
	Segments *Segments
	// Vectors search by meaning as well; nil for a service without.
	Vectors *Vectors
	// Reranking orders what was found anew; nil for a service without.
	Reranking *Reranking
	// Weights of the ranking; nil for DefaultWeights.
	Weights *Weights
}

// opener opens what was sealed for a place.
type opener interface {
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
}

// Service answers what a user's memory holds. Safe for concurrent use.
type Service struct {
	store   store
	vectors *vectorSearch
	rerank  *Reranking
	clock   ports.Clock
	cache   *cache
	builds  places // of indexes that are being built
	weights Weights
}

// New makes a Service. Nothing is read before the first question.
func New(
	memories ports.Memories, changes ports.Changes, opener opener, stemmer ports.Stemmer, clock ports.Clock, opt Options,
) *Service {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	if opt.Builds <= 0 {
		opt.Builds = buildsPerProcessor * runtime.GOMAXPROCS(0)
	}
	weights := DefaultWeights()
	if opt.Weights != nil {
		weights = *opt.Weights
	}
	by := newAnalyser(stemmer, opt.Thesaurus)
	return &Service{
		store: store{
			memories: memories, changes: changes, opener: opener, analyser: by, facts: opt.Facts,
			segments: newSegments(opt.Segments, by),
		},
		vectors: newVectorSearch(opt.Vectors),
		rerank:  opt.Reranking,
		clock:   clock,
		cache:   newCache(opt.MaxBytes), builds: make(places, opt.Builds), weights: weights,
	}
}

// Stats says what the indexes take.
type Stats struct {
	Users int
	Bytes int64 // an estimate

	// Since the start: questions that an index as it was could answer, changes
	// that were followed, indexes that were built.
	Hits, Follows, Builds uint64
}

// Stats returns the figures of the moment.
func (s *Service) Stats() Stats { return s.cache.stats() }

// Forget drops all that is held of a tenant at once. An index that is being
// built is not kept.
func (s *Service) Forget(tenant core.TenantID) {
	s.cache.forget(tenant)
	if s.vectors != nil {
		s.vectors.queries.forget(tenant)
	}
}

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
	if err := e.turn.take(ctx); err != nil {
		return err
	}
	defer e.turn.give()
	if e.index == nil {
		return nil
	}
	if err := s.follow(ctx, o, e, version); err != nil {
		return err
	}
	s.renewed(o, e)
	return nil
}

// renewed is called when an index is up to date; the caller holds the turn.
func (s *Service) renewed(o owner, e *entry) {
	s.store.segments.consider(o, e.index)
	s.cache.weigh(e)
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
		s.cache.hits.Add(1)
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
	if err := e.turn.take(ctx); err != nil {
		return err
	}
	defer e.turn.give()
	if x := e.index; x != nil && x.version > version { // another call was here, or the store went back
		var err error
		if version, err = s.store.changes.MemoryVersion(ctx, o.tenant, o.user); err != nil {
			return err
		}
	}
	if x := e.index; x == nil || x.version > version {
		built, err := s.build(ctx, o, version)
		if err != nil {
			return err
		}
		e.put(built)
	} else if x.version < version {
		if err := s.follow(ctx, o, e, version); err != nil {
			return err
		}
	}
	s.renewed(o, e)
	return nil
}

// build reads a user's whole memory, when there is room among those that do.
func (s *Service) build(ctx context.Context, o owner, version int64) (*index, error) {
	if err := s.builds.take(ctx); err != nil {
		return nil, err
	}
	defer s.builds.give()
	s.cache.builds.Add(1)
	x, err := s.store.build(ctx, o, version)
	if err != nil || s.vectors == nil {
		return x, err
	}
	err = s.loadVectors(ctx, o, 0, func(f func(*index)) { f(x) })
	x.vectors.wanting = x.wantsVectors(s.vectors.ours)
	return x, err
}

// follow applies what changed since the index's version, or builds anew when
// the store does not know that any more.
func (s *Service) follow(ctx context.Context, o owner, e *entry, version int64) error {
	s.cache.follows.Add(1)
	for e.index.version < version {
		d, ok, err := s.store.difference(ctx, o, e.index.version)
		if err != nil {
			return err
		}
		if !ok {
			built, err := s.build(ctx, o, version)
			if err != nil {
				return err
			}
			e.put(built)
			return nil
		}
		e.change(func(x *index) {
			x.apply(d.version, d.changes, d.added)
			x.loose += d.sealed
			if d.factsChanged {
				x.setFacts(d.facts)
			}
		})
	}
	return nil
}
