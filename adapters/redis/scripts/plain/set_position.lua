#!lua
-- Notes how far a sink is. KEYS: 1 tenant, 2 events, 3 positions. ARGV: 1 sink,
-- 2 seq. Where there is nothing to relay any more, nothing is noted.
if redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then return {'ok'} end
local at = redis.call('HGET', KEYS[3], ARGV[1])
if not at or tonumber(at) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[3], ARGV[1], ARGV[2]) end
return {'ok'}
