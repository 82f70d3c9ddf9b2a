#!lua
-- Begins an empty audit log behind entries that were dropped. KEYS: 1 entries,
-- 2 the log's end, 3 what was dropped. ARGV: 1 the last seq that was dropped, 2 the
-- hash of the chain after it and 3 those of the tree, 4 when it was dropped, 5 the
-- signed note of it.
local was = redis.call('HMGET', KEYS[3], 'seq', 'chain')
if was[1] == ARGV[1] and was[2] == ARGV[2] then return {'ok'} end
if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) > 0 then return {'fork', ARGV[1], 'has another beginning'} end
redis.call('HSET', KEYS[2], 'seq', ARGV[1], 'chain', ARGV[2], 'tree', ARGV[3])
redis.call('HSET', KEYS[3], 'seq', ARGV[1], 'chain', ARGV[2], 'tree', ARGV[3], 'at', ARGV[4], 'note', ARGV[5])
return {'ok'}
