#!lua
-- Charges buckets of rate limits: all or, when one refuses, none. A bucket is
-- told by when it will be full, in microseconds (GCRA, ITU-T I.371). KEYS: the
-- buckets. ARGV: 1 now, then interval, depth and price of each: how long one
-- takes to come, all of them, and those asked for. A bucket is kept for a minute
-- beyond what it needs, as the caller's clock may be behind the server's.
local now = tonumber(ARGV[1])
local function int(n) return string.format('%.0f', n) end

-- within brings the time at which a bucket is full between now and a depth from
-- now; it is beyond after a clock stepped back or the limit was changed.
local function within(full, depth) return math.min(math.max(full, now), now + depth) end

local stored, charged = {}, {}
local all, out = true, {'ok'}
for i, key in ipairs(KEYS) do
  local depth, price = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  if not stored[key] then stored[key] = tonumber(redis.call('GET', key) or 0) end
  local full = within(charged[key] or stored[key], depth)
  local wait = full + price - depth - now
  if wait <= 0 then
    charged[key] = full + price
    wait = 0
  else
    all = false
  end
  out[#out + 1] = wait <= 0 and '1' or '0'
  out[#out + 1] = int(wait)
  out[#out + 1] = int((charged[key] or full) - now)
end
for i, key in ipairs(KEYS) do
  local full = charged[key]
  if not all then
    full = within(stored[key], tonumber(ARGV[3 * i]))
    out[3 * i + 1] = int(full - now)
  end
  -- Also one that is brought back into its bounds, or it would stay closed.
  if full > now and (full < stored[key] or all and full > stored[key]) then
    redis.call('SET', key, int(full), 'PX', int(math.ceil((full - now) / 1000) + 60000))
  end
end
return out
