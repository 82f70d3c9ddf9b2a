package redis_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// between does something once, after the script has run and before what comes
// next is sent.
type between struct {
	sha  string
	once sync.Once
	do   func()
}

func (b *between) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (b *between) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (b *between) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		err := next(ctx, cmds)
		if args := cmds[0].Args(); len(args) > 1 && args[1] == b.sha {
			b.once.Do(b.do)
		}
		return err
	}
}

// A stretch takes two round trips. What happens between them is in it whole, or
// not at all.
func TestStretchIsOfOneMomentWhenBlobsChangeMeanwhile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(l *life) error{
		"rewritten": func(l *life) error {
			return l.RewriteBlob(l.Ctx, l.tenant, l.Op(), l.MakeRewrite(l.tenant, l.blob, 0))
		},
		"deleted": func(l *life) error {
			return l.DeleteBlob(l.Ctx, l.tenant, l.Op(), core.BlobDelete{
				User: l.user, ID: l.blob.ID, IfVersion: 1, At: l.Now(), Event: l.MakeEvent(l.tenant, core.EventMemoryDeleted),
			})
		},
		"cleared": func(l *life) error {
			return l.ClearMemory(l.Ctx, l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted))
		},
		"sealed": func(l *life) error {
			l.MustFlush(l.tenant, l.user, l.left)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, redis.Options{URL: backend.SharedRedis(t)})
			l := live(t, s)
			l.again()
			read := func() (numbers []int64) {
				t.Helper()
				got, err := s.Stretch(l.Ctx, l.tenant, l.user, l.talk, core.Window{Limit: 100})
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range got.Blobs {
					numbers = append(numbers, b.Numbers...)
				}
				for _, e := range got.Buffered {
					numbers = append(numbers, e.Number)
				}
				return numbers
			}
			before := read()
			hook := &between{do: func() {
				l.MustAppend(l.tenant, l.user, l.talk, 1)
				if err := change(l); err != nil {
					t.Error(err)
				}
			}}
			for sha, name := range redis.Scripts() {
				if name == "plain/stretch" {
					hook.sha = sha
				}
			}
			s.AddHook(hook)
			got, after := read(), read()
			if !slices.Equal(got, before) && !slices.Equal(got, after) {
				t.Errorf("it was %v, and became %v; the stretch has %v", before, after, got)
			}
		})
	}
}
