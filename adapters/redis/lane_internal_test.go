package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	goredis "github.com/redis/go-redis/v9"
)

// slowLane is a lane whose round trips end when they are told to.
type slowLane struct {
	*lane
	end chan struct{}

	mu    sync.Mutex
	trips [][]string // the first arguments of what each took along
}

func newSlowLane() *slowLane {
	l := &slowLane{end: make(chan struct{})}
	l.lane = &lane{trip: func(_ context.Context, cmds []goredis.Cmder) {
		<-l.end
		l.mu.Lock()
		defer l.mu.Unlock()
		var names []string
		for _, cmd := range cmds {
			names = append(names, fmt.Sprintf("%s", cmd.Args()[0]))
		}
		l.trips = append(l.trips, names)
	}}
	return l
}

// newBusyLane has as many round trips under way as there may be.
func newBusyLane(t *testing.T) *slowLane {
	l := newSlowLane()
	for range laneTrips {
		go func() { _ = l.send(t.Context(), []byte("first")) }()
	}
	synctest.Wait()
	return l
}

func (l *slowLane) send(ctx context.Context, name []byte) error {
	return l.ride(ctx, goredis.NewCmd(ctx, name))
}

func TestThoseWhoComeMeanwhileShareTheNextRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newSlowLane()
		var wg sync.WaitGroup
		for i := range laneTrips + 10 {
			wg.Go(func() {
				if err := l.send(t.Context(), fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(l.end)
		wg.Wait()
		synctest.Wait()
		most, all := 0, 0
		for _, names := range l.trips {
			most, all = max(most, len(names)), all+len(names)
		}
		if most != 10 || all != laneTrips+10 || len(l.trips) != laneTrips+1 || l.away != 0 {
			t.Errorf("the round trips were %v, %d are still under way", l.trips, l.away)
		}
	})
}

func TestWhoLeavesIsNotSentAndWhatIsSentIsAsItWasHandedIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newBusyLane(t)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- l.send(ctx, []byte("left")) }()
		stays := []byte("stays")
		go func() { _ = l.send(t.Context(), stays) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		clear(stays)
		close(l.end)
		synctest.Wait()
		sent := slices.Concat(l.trips...)
		slices.Sort(sent)
		want := append(slices.Repeat([]string{"first"}, laneTrips), "stays")
		if !slices.Equal(sent, want) {
			t.Errorf("the round trips were %v", l.trips)
		}
	})
}

// unnoticed is a context that ended and whose end select does not see.
type unnoticed struct{ context.Context }

func (unnoticed) Done() <-chan struct{} { return nil }

func (unnoticed) Err() error { return context.Canceled }

func TestWhoIsNotSentIsToldSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newBusyLane(t)
		told := make(chan error, 1)
		go func() { told <- l.send(unnoticed{t.Context()}, []byte("late")) }()
		synctest.Wait()
		close(l.end)
		if err := <-told; !errors.Is(err, context.Canceled) {
			t.Errorf("who was not sent got %v", err)
		}
		synctest.Wait()
		if sent := slices.Concat(l.trips...); slices.Contains(sent, "late") {
			t.Errorf("the round trips were %v", l.trips)
		}
	})
}
