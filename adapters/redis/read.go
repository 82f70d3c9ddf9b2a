package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"
)

// pipe sends commands that may be sent again, in one round trip and done in
// their order. Others may come between them: what tells whether the rest holds
// stands before or after it for a reason. It is no MULTI, which Redis refuses
// altogether when its memory is full, and then reading and forgetting must go on.
// A value that is not there is no error; its command tells.
//
// The round trip may be shared with others, who wait for what all of them answer:
// pipe is for few commands, whose answers are small however much is stored.
func (s *Store) pipe(ctx context.Context, fill func(p goredis.Pipeliner)) error {
	return s.pipeBy(ctx, fill, func(cmds []goredis.Cmder) error { return s.reading.ride(ctx, cmds...) })
}

// pipeAlone is pipe in a round trip of its own: for payloads, for lists, and for
// as many commands as a list is long.
func (s *Store) pipeAlone(ctx context.Context, fill func(p goredis.Pipeliner)) error {
	return s.pipeBy(ctx, fill, func(cmds []goredis.Cmder) error {
		s.read(ctx, cmds)
		return nil
	})
}

// pipeBy is pipe with how the commands are sent, each of which then has its own
// error; send's own is that of a context that ended first.
func (s *Store) pipeBy(ctx context.Context, fill func(p goredis.Pipeliner), send func(cmds []goredis.Cmder) error) error {
	if err := ctx.Err(); err != nil {
		return s.failed(ctx, err)
	}
	p := s.again.Pipeline()
	fill(p)
	cmds := p.Cmds()
	if len(cmds) == 0 {
		return nil
	}
	if err := send(cmds); err != nil {
		return s.failed(ctx, err)
	}
	for _, cmd := range cmds { // the first error hides the others
		if err := cmd.Err(); err != nil && !errors.Is(err, goredis.Nil) {
			return s.failed(ctx, err)
		}
	}
	return nil
}

func (s *Store) read(ctx context.Context, cmds []goredis.Cmder) {
	p := s.again.Pipeline()
	_ = p.BatchProcess(ctx, cmds...)
	_, _ = p.Exec(ctx)
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
