#!lua
-- Adds ARGV[1] to a sorted set whose members are ordered by their text.
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return {'ok'}
