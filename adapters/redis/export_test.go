package redis

import (
	"context"
	"io/fs"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// Escape and RateKey are for tests of keys.
var (
	Escape  = escape
	RateKey = rateKey
)

// Scripts names every script by the hash that Redis knows it by.
func Scripts() map[string]string {
	names := map[string]string{}
	for _, folder := range []string{"step", "memory", "forget", "derived", "keys", "deliveries", "plain"} {
		files, err := fs.Glob(scriptFiles, "scripts/"+folder+"/*.lua")
		if err != nil {
			panic(err) // the pattern is fixed
		}
		for _, file := range files {
			s := load(strings.TrimSuffix(strings.TrimPrefix(file, "scripts/"), ".lua"))
			names[s.sha] = s.name
		}
	}
	return names
}

// NoPause lets the store ask for a new append-only file as often as it likes.
func (s *Store) NoPause() { s.rewrites.pause = 0 }

// Claim begins a registration, as a process that ends right after does.
func (s *Store) Claim(ctx context.Context, op core.Op, n core.NewTenant) error {
	_, _, err := s.claim(ctx, op, n)
	return err
}

// WatchLane tells of every command that reads in a round trip that others may
// share. It is to be called before the store is used.
func (s *Store) WatchLane(saw func(name string)) {
	s.reading.trip = func(ctx context.Context, cmds []goredis.Cmder) {
		for _, cmd := range cmds {
			saw(cmd.Name())
		}
		s.read(ctx, cmds)
	}
}
