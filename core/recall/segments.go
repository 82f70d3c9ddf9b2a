package recall

import (
	"context"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

const (
	// packTurns is how many interactions in blobs may be in no segment before
	// some are written. To read and analyse so many takes about as long as to
	// read ten thousand out of segments is meant to; and each time so many came,
	// the user's blobs are listed once, so it must not be few.
	packTurns = 250
	// packBytes is about how much of blobs goes into one segment: some thousand
	// interactions, so that ten thousand are a handful of reads, while what is
	// forgotten takes no more than so much with it. A segment of text that gives
	// the most terms for its bytes is seven times as long and still fits into
	// core.MaxDerivedBytes.
	packBytes = 1 << 20

	packQueue = 256             // users that may wait to have segments written
	packTime  = 2 * time.Minute // for one of them
	// sealTime bounds the time from sealing to storing, as a request's is: a data
	// key is kept for so long after there is a newer one.
	sealTime    = 30 * time.Second
	segmentPage = 4 // read at once
)

// sealer seals for a place.
type sealer interface {
	Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error)
}

// Segments are what a Service keeps segments of its indexes with. They are
// written by WriteSegments, in the background; a Service that does not run it
// reads those there are.
type Segments struct {
	Derived ports.Derived
	Sealer  sealer
	IDs     *core.IDs
	// Report is told of failures that no caller hears of; nil for nobody.
	Report func(ctx context.Context, doing string, err error)
}

// segments keeps segments of users' indexes. They are a copy of what blobs hold:
// what a list of the blobs does not show is not taken out of them, and what
// they lack is read from the blobs. So it does no harm when one is gone, or is
// there twice because two processes wrote it.
type segments struct {
	Segments
	analyser func() fingerprint
	queue    chan packing

	mu      sync.Mutex
	waiting map[owner]bool
}

// packing is a user that is to have segments written, and those to remove.
type packing struct {
	owner
	stale []core.DerivedID
}

func newSegments(deps *Segments, a analyser) *segments {
	if deps == nil {
		return nil
	}
	return &segments{
		Segments: *deps, analyser: sync.OnceValue(a.fingerprint),
		queue: make(chan packing, packQueue), waiting: map[owner]bool{},
	}
}

// consider has segments written if the index shows that there are some to write.
// Where too many users wait already, it is for the next time.
func (g *segments) consider(o owner, x *index) {
	if g == nil || x.loose < packTurns && len(x.stale) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.waiting[o] {
		select {
		case g.queue <- packing{o, x.stale}:
			g.waiting[o] = true
		default:
			return
		}
	}
	x.loose, x.stale = 0, nil
}

// WriteSegments writes the segments that there are to write, until ctx ends. It
// returns at once where none are kept.
func (s *Service) WriteSegments(ctx context.Context) {
	g := s.store.segments
	if g == nil {
		return
	}
	for {
		select {
		case p := <-g.queue:
			s.store.writeNext(ctx, p)
		case <-ctx.Done():
			return
		}
	}
}

// WriteWaitingSegments is WriteSegments for those that wait now.
func (s *Service) WriteWaitingSegments(ctx context.Context) {
	g := s.store.segments
	for g != nil {
		select {
		case p := <-g.queue:
			s.store.writeNext(ctx, p)
		default:
			return
		}
	}
}

// writeNext does what the queue gave.
func (s store) writeNext(ctx context.Context, p packing) {
	s.segments.mu.Lock()
	delete(s.segments.waiting, p.owner)
	s.segments.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, packTime)
	defer cancel()
	s.segments.report(ctx, s.pack(within, p))
}

// report passes over what is nobody's fault: something was forgotten, or all of
// it, and the next one will do.
func (g *segments) report(ctx context.Context, err error) {
	if err == nil || g.Report == nil || ctx.Err() != nil || core.Is(err, core.CodeNotFound) || core.Is(err, core.CodeVersionConflict) {
		return
	}
	g.Report(ctx, "writing segments of an index", err)
}

// openSegments reads what the owner's segments hold, by blob, and tells which of
// them this program cannot use.
func (s store) openSegments(ctx context.Context, o owner) (held map[core.BlobID]packed, stale []core.DerivedID, err error) {
	if s.segments == nil {
		return nil, nil, nil
	}
	held = map[core.BlobID]packed{}
	page := core.Page{Limit: segmentPage}
	for {
		list, err := s.segments.Derived.Derived(ctx, o.tenant, o.user, core.DerivedIndex, page, true)
		if err != nil {
			return nil, nil, err
		}
		for i := range list {
			page.After = list[i].Position
			segment, err := s.openSegment(ctx, o, &list[i])
			if err != nil {
				return nil, nil, err
			}
			if segment == nil {
				stale = append(stale, list[i].ID)
				continue
			}
			for id, p := range segment.blobs {
				held[id] = p
			}
		}
		if len(list) < page.Limit {
			return held, stale, nil
		}
	}
}

// openSegment opens one; nil where it does not open or is not of this program's.
func (s store) openSegment(ctx context.Context, o owner, d *core.DerivedRecord) (*segment, error) {
	plain, err := s.opener.Open(ctx, core.DerivedPlace(o.tenant, *d), d.Sealed)
	switch {
	case damaged(err):
		s.segments.report(ctx, err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	segment, ok := decodeSegment(s.segments.analyser(), plain)
	if !ok {
		return nil, nil
	}
	return segment, nil
}
