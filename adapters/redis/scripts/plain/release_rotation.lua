#!lua flags=allow-oom
-- Strikes off who is at rest. KEYS: 1 the list, 2 until when nobody may. ARGV:
-- who.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 1, #ARGV do
  local till = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not till or tonumber(till) <= now then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return {'ok'}
