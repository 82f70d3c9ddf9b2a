package redis

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// redirects is how often a command follows its slot to another node.
const redirects = 5

// writing is the lane to a server for what is to run once.
func (s *Store) writing(node goredis.UniversalClient) *lane {
	return s.lanes.to(node, func(ctx context.Context, cmds []goredis.Cmder) { s.trip(ctx, node, cmds) })
}

// trip runs commands on a server and, on the same connection, waits until what they
// wrote is where the options want it. A wait that did not come to its end in time
// answers too, so that its counts decide.
func (s *Store) trip(ctx context.Context, node goredis.UniversalClient, cmds []goredis.Cmder) {
	if len(cmds) == 1 && !s.wait.asked() {
		_ = s.once.Process(ctx, cmds[0]) // as it knows best where; the command has the error
		return
	}
	pipe := node.Pipeline()
	_ = pipe.BatchProcess(ctx, cmds...)
	var waited command
	if s.wait.asked() {
		waited = command{goredis.NewCmd(ctx, s.wait.words()...)}
		_ = pipe.Process(ctx, waited)
	}
	_, _ = pipe.Exec(ctx)
	if !s.wait.asked() {
		return
	}
	for _, cmd := range cmds {
		if cmd.Err() == nil {
			cmd.SetErr(s.wait.confirmed(waited))
		}
	}
}

// lookAnew has a Cluster's client look who is who, and gives it time to.
func (s *Store) lookAnew(ctx context.Context) error {
	if cluster, ok := s.once.(*goredis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
	return pause(ctx)
}

// pause gives others a moment.
func pause(ctx context.Context) error {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nodeOf is the client of the node that has the key.
func (s *Store) nodeOf(ctx context.Context, key string) (goredis.UniversalClient, error) {
	if cluster, ok := s.once.(*goredis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return s.once, nil
}

func (w Wait) words() []any {
	if w.AOF {
		return []any{"waitaof", 1, w.Replicas, w.timeout().Milliseconds()}
	}
	return []any{"wait", w.Replicas, w.timeout().Milliseconds()}
}

// confirmed compares what a wait counted with what is asked.
func (w Wait) confirmed(waited command) error {
	if err := waited.Err(); err != nil {
		return err
	}
	if !w.AOF {
		n, err := waited.Int64()
		return w.enough(1, n, err)
	}
	counts, err := waited.Int64Slice()
	if err != nil || len(counts) != 2 {
		return fault("WAITAOF answered %v", waited.Val())
	}
	return w.enough(counts[0], counts[1], nil)
}

func (w Wait) enough(local, replicas int64, err error) error {
	if err == nil && (local < 1 || replicas < int64(w.Replicas)) {
		err = fmt.Errorf("the step is confirmed by %d of %d replicas within %v, on disk here: %v",
			replicas, w.Replicas, w.timeout(), !w.AOF || local > 0)
	}
	return err
}
