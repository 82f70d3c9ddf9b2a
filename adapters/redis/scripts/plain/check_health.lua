#!lua
-- Writes, to see whether that can be done.
redis.call('SET', KEYS[1], ARGV[1])
return {'ok'}
