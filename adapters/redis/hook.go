package redis

import goredis "github.com/redis/go-redis/v9"

// AddHook lets somebody see, and in tests harm, what the store sends, by both of
// its clients. It is to be called before the store is used.
func (s *Store) AddHook(h goredis.Hook) {
	s.once.AddHook(h)
	s.again.AddHook(h)
}
