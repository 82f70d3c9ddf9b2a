#!lua flags=allow-oom
-- Lists who is about to have a delivery, or has one now. KEYS: 1 the list by when
-- the first is due, 2 whose turn it was last, and until when it lasts. ARGV: 1 who,
-- 2 when it is due, 3 for how many milliseconds it may be about to.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local turn = redis.call('HINCRBY', KEYS[2], '', 1)
local lasts = tonumber(ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f %.0f', turn, lasts > 0 and now + lasts or 0))
redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
return {'ok'}
