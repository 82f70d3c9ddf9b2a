#!lua
-- Keeps a checkpoint, in the place of another one of the same size. KEYS[1]:
-- checkpoints by size. ARGV: 1 size, 2 when and note.
redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
return {'ok'}
