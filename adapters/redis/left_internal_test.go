package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// lateServer answers a caller who has left: on its last round trip it ends the
// caller's context, and answers while the caller goes its way. What both touch is
// for the race detector to tell.
//
// A round trip of the caller's own ends with the context.
type lateServer struct {
	last   int // round trips until then
	member string
	leave  context.CancelFunc
	left   chan struct{} // closed when the caller has returned
}

// riding marks the round trips of a lane.
type riding struct{}

func (*lateServer) DialHook(goredis.DialHook) goredis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("there is no server") }
}

func (*lateServer) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (l *lateServer) ProcessPipelineHook(goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		l.last--
		if l.last == 0 {
			l.leave()
			if ctx.Value(riding{}) == nil {
				return fail(cmds, ctx.Err())
			}
			defer func() { <-l.left }()
		}
		for _, cmd := range cmds {
			l.answer(cmd)
		}
		return nil
	}
}

func fail(cmds []goredis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}

func (l *lateServer) answer(cmd goredis.Cmder) {
	switch cmd := cmd.(type) {
	case *goredis.IntCmd:
		cmd.SetVal(1)
	case *goredis.StringCmd:
		cmd.SetVal("1")
	case *goredis.SliceCmd:
		cmd.SetVal([]any{"1"})
	case *goredis.ZSliceCmd:
		cmd.SetVal([]goredis.Z{{Score: 1, Member: l.member}})
	case *goredis.MapStringStringCmd:
		cmd.SetVal(map[string]string{heldKey + "a": "1"})
	case *goredis.XMessageSliceCmd:
		cmd.SetVal([]goredis.XMessage{{ID: "1-0"}})
	}
}

func TestWhoLeavesLooksAtNoAnswer(t *testing.T) {
	t.Parallel()
	ids := core.NewIDs(time.Now, rand.Reader)
	tenant, user, talk := ids.Tenant(), ids.User(), ids.Conversation()
	keys, err := keysOf(tenant)
	if err != nil {
		t.Fatal(err)
	}
	page := core.Page{Limit: 10}
	for name, c := range map[string]struct {
		last   int
		member string
		run    func(ctx context.Context, s *Store) error
	}{
		"User": {1, "", func(ctx context.Context, s *Store) error {
			_, err := s.User(ctx, tenant, user)
			return err
		}},
		"Conversation": {1, "", func(ctx context.Context, s *Store) error {
			_, err := s.Conversation(ctx, tenant, user, talk)
			return err
		}},
		"Usage": {1, "", func(ctx context.Context, s *Store) error {
			_, err := s.Usage(ctx, tenant)
			return err
		}},
		"Positions": {1, "", func(ctx context.Context, s *Store) error {
			_, err := s.Positions(ctx, tenant)
			return err
		}},
		"Users": {2, string(user), func(ctx context.Context, s *Store) error {
			_, err := s.Users(ctx, tenant, page)
			return err
		}},
		"Conversations": {2, string(talk), func(ctx context.Context, s *Store) error {
			_, err := s.Conversations(ctx, tenant, user, page)
			return err
		}},
		"UserBuffer": {2, string(talk) + "/1", func(ctx context.Context, s *Store) error {
			_, err := s.UserBuffer(ctx, tenant, user, page)
			return err
		}},
		"FactKeys": {1, "", func(ctx context.Context, s *Store) error {
			_, err := s.FactKeys(ctx, tenant, user)
			return err
		}},
		"entries of an audit log": {1, "", func(ctx context.Context, s *Store) error {
			f := finding{Store: s, tenantKeys: keys}
			_, err := f.entries(ctx, []goredis.XMessage{{ID: "1-0"}})
			return err
		}},
		"operations that are past": {1, "", func(ctx context.Context, s *Store) error {
			_, err := s.havePast(ctx, []core.TenantID{tenant}, time.Now())
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				server := &lateServer{last: c.last, member: c.member, leave: leave, left: make(chan struct{})}
				nowhere := target{hosts: []string{"127.0.0.1:1"}}
				s := &Store{again: nowhere.connect(-1), once: nowhere.connect(-1)}
				s.again.AddHook(server)
				trip := func(ctx context.Context, cmds []goredis.Cmder) { s.read(context.WithValue(ctx, riding{}, true), cmds) }
				s.reading = &lane{trip: trip, away: 2 * laneTrips} // so that everybody waits for another's round trip
				go func() {
					defer close(server.left)
					if err := c.run(ctx, s); !errors.Is(err, context.Canceled) {
						t.Errorf("who left got %v", err)
					}
				}()
				for range c.last {
					synctest.Wait()
					s.reading.next()
				}
				<-server.left
			})
		})
	}
}
