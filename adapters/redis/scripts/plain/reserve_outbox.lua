#!lua flags=allow-oom
-- Lists who is about to record events. KEYS: 1 the list, 2 until when nobody may
-- strike them off. ARGV: 1 who, 2 for how many milliseconds.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], 0, ARGV[1])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
return {'ok'}
