package redis

import (
	"io/fs"
	"strings"
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
