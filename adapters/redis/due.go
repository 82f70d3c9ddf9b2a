package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// When a tenant's next delivery is due stands on a list of the deployment's,
// which no tenant's step can write to: another slot has it. So a tenant is listed
// ahead of the step that gives it a delivery, and again after it: what the list
// says is early at times, and not late. Who finds nothing due raises it to the
// next, unless somebody listed the tenant since. A process that ends between step
// and listing leaves a turn that lasts for a while, and as long the tenant is looked
// at every second.

// turn is how long a step may take that was announced.
const turn = 30 * time.Second

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// withDelivery does a step after which a delivery is due at a time; nil for none.
func (s *Store) withDelivery(ctx context.Context, t tenantKeys, due *time.Time, step func() error) error {
	if due == nil {
		return step()
	}
	keys := []string{deliveriesKey, deliveryTurnsKey}
	if _, err := s.run(ctx, reserveDeliveries, keys, string(t.id), ms(*due), turn.Milliseconds()); err != nil {
		return err
	}
	if err := step(); err != nil {
		return err
	}
	// What is done is done, and that it was announced must do if this fails.
	_, _ = s.run(ctx, reserveDeliveries, keys, string(t.id), ms(*due), 0)
	return nil
}

// NextDelivery is when the next one is due, or earlier.
func (s *Store) NextDelivery(ctx context.Context) (time.Time, error) {
	var found *goredis.ZSliceCmd
	err := s.pipe(ctx, func(p goredis.Pipeliner) { found = p.ZRangeWithScores(ctx, deliveriesKey, 0, 0) })
	if err != nil || len(found.Val()) == 0 {
		return time.Time{}, err
	}
	return timeOf(int64(found.Val()[0].Score)), nil
}

// dueQueue is a tenant that may have deliveries that are due.
type dueQueue struct {
	tenantKeys
	since int64
	turn  string
	due   []goredis.Z // ids by when
	next  any         // when the first is due, "" for none
}

// dueDelivery is one that may be taken.
type dueDelivery struct {
	id    string
	at    int64
	queue *dueQueue
}

// TakeDeliveries takes what is due: it looks for the longest due of all, takes
// them of each tenant, and notes when the tenants' next are due.
func (s *Store) TakeDeliveries(ctx context.Context, now, until time.Time, limit, perTenant int) ([]core.DueDelivery, error) {
	if limit <= 0 || perTenant <= 0 {
		return nil, s.failed(ctx, ctx.Err())
	}
	found, idle, err := s.dueDeliveries(ctx, now, limit, perTenant)
	if err != nil {
		return nil, err
	}
	taken, queues, err := s.take(ctx, found, now, until)
	if err != nil {
		return nil, err
	}
	if err := s.raise(ctx, append(queues, idle...)); err != nil {
		return nil, err
	}
	return taken, nil
}

// dueDeliveries finds the longest due, of each tenant so many at most, and the
// tenants that have none. Tenants are looked at by when their first is due, until
// the others' can be none of them.
func (s *Store) dueDeliveries(ctx context.Context, now time.Time, limit, perTenant int) (found []dueDelivery, idle []*dueQueue, err error) {
	for looked := 0; ; looked += chunk {
		queues, err := s.dueQueues(ctx, now, looked)
		if err != nil || len(queues) == 0 {
			return found, idle, err
		}
		if err := s.peek(ctx, queues, now, min(perTenant, limit)); err != nil {
			return nil, nil, err
		}
		for _, q := range queues {
			if len(q.due) == 0 {
				idle = append(idle, q)
			}
			for _, z := range q.due {
				id, _ := z.Member.(string)
				found = append(found, dueDelivery{id, int64(z.Score), q})
			}
		}
		slices.SortFunc(found, func(a, b dueDelivery) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
		found = found[:min(len(found), limit)]
		last := queues[len(queues)-1]
		if len(queues) < chunk || len(found) == limit && found[limit-1].at < last.since {
			return found, idle, nil
		}
	}
}

func (s *Store) dueQueues(ctx context.Context, now time.Time, from int) (queues []*dueQueue, err error) {
	answer, err := s.query(ctx, listDeliveries, []string{deliveriesKey, deliveryTurnsKey}, ms(now), from, chunk)
	if err != nil {
		return nil, err
	}
	for row := range slices.Chunk(answer, 3) {
		t, err := keysOfOwner(core.TenantID(row[0]))
		if err != nil {
			return nil, fault("a delivery of %q", row[0])
		}
		queues = append(queues, &dueQueue{tenantKeys: t, since: number(row[1]), turn: row[2]})
	}
	return queues, nil
}

// peek reads what the tenants have that is due. One that is gone has nothing.
func (s *Store) peek(ctx context.Context, queues []*dueQueue, now time.Time, limit int) error {
	exists := make([]*goredis.IntCmd, len(queues))
	due := make([]*goredis.ZSliceCmd, len(queues))
	next := make([]*goredis.ZSliceCmd, len(queues))
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, q := range queues {
			exists[i] = p.Exists(ctx, q.tenant())
			due[i] = p.ZRangeByScoreWithScores(ctx, q.deliveriesPending(), &goredis.ZRangeBy{
				Min: "-inf", Max: itoa(ms(now)), Count: int64(limit),
			})
			next[i] = p.ZRangeWithScores(ctx, q.deliveriesPending(), 0, 0)
		}
	})
	for i, q := range queues {
		q.next = ""
		if err != nil || exists[i].Val() == 0 {
			continue
		}
		q.due = due[i].Val()
		if first := next[i].Val(); len(first) > 0 {
			q.next = int64(first[0].Score)
		}
	}
	return err
}

// take takes those that are due still, and gives them back with their tenants.
func (s *Store) take(ctx context.Context, found []dueDelivery, now, until time.Time) (taken []core.DueDelivery, queues []*dueQueue, err error) {
	if len(found) == 0 {
		return nil, nil, nil
	}
	at := map[*dueQueue]int{}
	var calls []call
	for _, f := range found {
		i, known := at[f.queue]
		if !known {
			i, at[f.queue] = len(calls), len(calls)
			queues = append(queues, f.queue)
			calls = append(calls, call{takeDeliveries, f.queue.deliveryKeys(), stepArgs(core.Op{}, ms(now), ms(until))})
		}
		calls[i].args = append(calls[i].args, f.id)
	}
	answers, err := s.repeatSome(ctx, calls)
	if err != nil {
		return nil, nil, err
	}
	took := map[string]core.DueDelivery{}
	for i, q := range queues {
		if q.next = ""; len(answers[i]) == 0 {
			continue // it was deleted meanwhile
		}
		if answers[i][0] != "" {
			q.next = answers[i][0]
		}
		for row := range slices.Chunk(answers[i][1:], 4) {
			d, err := deliveryOf(row[0], row[1], row[2], number(row[3]), ms(until))
			if err != nil {
				return nil, nil, err
			}
			took[q.tenant()+row[0]] = core.DueDelivery{Tenant: q.id, Delivery: d}
		}
	}
	for _, f := range found {
		if d, ok := took[f.queue.tenant()+f.id]; ok {
			taken = append(taken, d)
		}
	}
	return taken, queues, nil
}

// raise notes when the tenants' next deliveries are due.
func (s *Store) raise(ctx context.Context, queues []*dueQueue) error {
	if len(queues) == 0 {
		return nil
	}
	args := make([]any, 0, 3*len(queues))
	for _, q := range queues {
		args = append(args, string(q.id), q.turn, q.next)
	}
	_, err := s.run(ctx, raiseDeliveries, []string{deliveriesKey, deliveryTurnsKey}, args...)
	return err
}
