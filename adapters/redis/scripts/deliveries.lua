-- What steps on deliveries share.
local RECORDS, LOG, PENDING, ENDED = KEYS[6], KEYS[7], KEYS[8], KEYS[9]

-- place puts a delivery among those that are pending, by when it is due, or
-- among those that ended.
local function place(id, pending, due)
  if pending == '1' then
    redis.call('ZADD', PENDING, due, id)
    redis.call('ZREM', ENDED, id)
  else
    redis.call('ZADD', ENDED, redis.call('ZSCORE', LOG, id), id)
    redis.call('ZREM', PENDING, id)
  end
end

-- cut removes the oldest of those that ended, if there are too many. The
-- deployment keeps none.
local function cut()
  local kept = string.find(TENANT, 'tenant:', 1, true) == 1 and DELIVERIES_KEPT or 0
  local many = redis.call('ZCARD', ENDED) - kept
  if many <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', ENDED, 0, many - 1)) do
    redis.call('HDEL', RECORDS, id, id .. '/state')
    redis.call('ZREM', LOG, id)
  end
  redis.call('ZREMRANGEBYRANK', ENDED, 0, many - 1)
end
