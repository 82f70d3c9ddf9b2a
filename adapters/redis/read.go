package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"
)

// view reads keys of one slot as of one moment, in one round trip. A value that
// is not there is no error; its command tells.
func (s *Store) view(ctx context.Context, read func(p goredis.Pipeliner)) error {
	return s.pipe(ctx, read, s.again.TxPipelined)
}

// glance reads keys of any slots in one round trip, each as of its own moment.
func (s *Store) glance(ctx context.Context, read func(p goredis.Pipeliner)) error {
	return s.pipe(ctx, read, s.again.Pipelined)
}

func (s *Store) pipe(ctx context.Context, read func(p goredis.Pipeliner),
	exec func(context.Context, func(goredis.Pipeliner) error) ([]goredis.Cmder, error),
) error {
	if err := ctx.Err(); err != nil {
		return s.failed(ctx, err)
	}
	cmds, err := exec(ctx, func(p goredis.Pipeliner) error {
		read(p)
		return nil
	})
	if err == nil || !errors.Is(err, goredis.Nil) {
		return s.failed(ctx, err)
	}
	for _, cmd := range cmds { // the first error hides the others
		if err := cmd.Err(); err != nil && !errors.Is(err, goredis.Nil) {
			return s.failed(ctx, err)
		}
	}
	return nil
}

// chunk is how many records one round trip reads at most.
const chunk = 200

// pages reads a list: ids gives some that come after a position, load gives
// those of them that are there. What goes away meanwhile is passed over, so that
// a page is full as long as there is more.
func pages[ID, R any](after int64, limit int,
	ids func(after int64, limit int64) (list []ID, last int64, err error), load func([]ID) ([]R, error),
) ([]R, error) {
	var page []R
	for {
		want := min(max(limit-len(page), 0), chunk)
		list, last, err := ids(after, int64(want))
		if err != nil || len(list) == 0 {
			return page, err
		}
		records, err := load(list)
		if err != nil {
			return nil, err
		}
		page, after = append(page, records...), last
		if len(list) < want || len(page) >= limit {
			return page, nil
		}
	}
}
