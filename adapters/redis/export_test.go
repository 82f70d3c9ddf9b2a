package redis

import (
	"io/fs"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// Escape and RateKey are for tests of keys.
var (
	Escape  = escape
	RateKey = rateKey
)

// Scripts names every script by the hash that Redis knows it by.
func Scripts() map[string]string {
	names := map[string]string{}
	for _, folder := range []string{"step", "memory", "plain"} {
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

// AddHook lets a test see, and harm, what both clients send.
func (s *Store) AddHook(h goredis.Hook) {
	s.once.AddHook(h)
	s.again.AddHook(h)
}
