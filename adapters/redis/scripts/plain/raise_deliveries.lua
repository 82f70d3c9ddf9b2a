#!lua flags=allow-oom
-- Notes when tenants' next deliveries are due, unless somebody had a turn since
-- that was found out. KEYS: as reserve_deliveries. ARGV: who, whose turn it was, and
-- when, '' for never, of each. While somebody may be about to have another one, it
-- is looked for again soon.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local SOON = 1000
for i = 1, #ARGV, 3 do
  local who, turn, due = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local last = redis.call('HGET', KEYS[2], who) or ''
  if last == turn then
    if tonumber(string.match(last, ' (%d+)$') or 0) > now then due = math.min(due or now + SOON, now + SOON) end
    if due then
      redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', due), who)
    else
      redis.call('ZREM', KEYS[1], who)
      redis.call('HDEL', KEYS[2], who)
    end
  end
end
return {'ok'}
