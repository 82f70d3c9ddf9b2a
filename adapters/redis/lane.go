package redis

import (
	"bytes"
	"context"
	"slices"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

const (
	// laneTrips is how many round trips a lane has under way at once. What comes
	// meanwhile waits for the next one, all of it together.
	laneTrips = 4
	// laneRide is how many who wait one round trip takes along.
	laneRide = 64
	// laneBytes is how much somebody may bring and still ride with others.
	laneBytes = 64 << 10
)

// lane lets commands of many callers share round trips to a server: while as many
// as laneTrips are under way, those who come wait, and the next one takes them
// along in one pipeline. It costs nobody a wait while few come, and many a small
// part of the system calls, here and on the server. Commands of one caller stay in
// their order; between those of two there is none.
type lane struct {
	// trip sends commands, each of which then has its own error.
	trip func(ctx context.Context, cmds []goredis.Cmder)

	mu      sync.Mutex
	away    int // round trips under way
	waiting []*rider
}

// rider is who waits with commands.
type rider struct {
	ctx  context.Context //nolint:containedctx // of who waits
	cmds []goredis.Cmder
	done chan struct{}

	skipped bool // its commands were not sent; set before done is closed
}

// ride sends the commands and waits for their answers. It fails when ctx is done
// first: the commands are then not to be looked at any more, and whether they were
// done is not known.
func (l *lane) ride(ctx context.Context, cmds ...goredis.Cmder) error {
	l.mu.Lock()
	if l.away < laneTrips {
		l.away++
		l.mu.Unlock()
		defer l.next()
		l.trip(ctx, cmds)
		return nil
	}
	r := &rider{ctx: ctx, cmds: cmds, done: make(chan struct{})}
	r.pack()
	l.waiting = append(l.waiting, r)
	l.mu.Unlock()
	select {
	case <-r.done:
		if r.skipped { // its context ended as well, and select takes either
			return ctx.Err()
		}
		return nil
	case <-ctx.Done():
		l.leave(r)
		return ctx.Err()
	}
}

// pack copies what the caller may use again as soon as ride returns.
func (r *rider) pack() {
	for _, cmd := range r.cmds {
		for i, arg := range cmd.Args() {
			if b, ok := arg.([]byte); ok {
				cmd.Args()[i] = bytes.Clone(b)
			}
		}
	}
}

// leave takes back who still waits.
func (l *lane) leave(r *rider) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(other *rider) bool { return other == r })
}

// next ends a round trip: those who wait go in its place.
func (l *lane) next() {
	if riders := l.board(); len(riders) > 0 {
		go l.carry(riders)
	}
}

// board takes who waits; the round trip is over when nobody does.
func (l *lane) board() []*rider {
	l.mu.Lock()
	defer l.mu.Unlock()
	riders := slices.Clone(l.waiting[:min(len(l.waiting), laneRide)])
	l.waiting = slices.Delete(l.waiting, 0, len(riders))
	if len(riders) == 0 {
		l.away--
	}
	return riders
}

// carry takes riders along for as long as there are any.
func (l *lane) carry(riders []*rider) {
	for ; len(riders) > 0; riders = l.board() {
		cmds := make([]goredis.Cmder, 0, len(riders))
		for _, r := range riders {
			if r.skipped = r.ctx.Err() != nil; !r.skipped { // else nobody waits for it any more
				cmds = append(cmds, r.cmds...)
			}
		}
		if len(cmds) > 0 {
			l.trip(rideContext(riders), cmds)
		}
		for _, r := range riders {
			close(r.done)
		}
	}
}

// rideContext is that of a round trip: no rider's end ends it for the others. The
// client's own timeouts bound it.
func rideContext(riders []*rider) context.Context {
	if len(riders) == 1 {
		return riders[0].ctx
	}
	return context.WithoutCancel(riders[0].ctx)
}

// weight is how many bytes a caller brings, about.
func weight(args []any) (bytes int) {
	for _, arg := range args {
		switch v := arg.(type) {
		case []byte:
			bytes += len(v)
		case string:
			bytes += len(v)
		}
	}
	return bytes
}

// lanes are those of a client, one a server.
type lanes struct {
	mu sync.Mutex
	of map[goredis.UniversalClient]*lane
}

// to gives the lane to a server, and makes it first where there is none.
func (s *lanes) to(node goredis.UniversalClient, trip func(ctx context.Context, cmds []goredis.Cmder)) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.of[node]
	if l == nil {
		if s.of == nil || len(s.of) >= maxLanes { // of a Cluster whose nodes come and go
			s.of = map[goredis.UniversalClient]*lane{}
		}
		l = &lane{trip: trip}
		s.of[node] = l
	}
	return l
}

// maxLanes bounds lanes to servers, most of which would be gone.
const maxLanes = 1000
