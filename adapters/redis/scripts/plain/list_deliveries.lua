#!lua flags=no-writes
-- Lists who may have a delivery that is due. KEYS: as reserve_deliveries. ARGV:
-- 1 now, 2 how many to leave out, 3 how many at most. Answers who, since when, and
-- whose turn it was.
local out = {'ok'}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', ARGV[2], ARGV[3])
for i = 1, #found, 2 do
  out[#out + 1] = found[i]
  out[#out + 1] = string.format('%.0f', tonumber(found[i + 1]))
  out[#out + 1] = redis.call('HGET', KEYS[2], found[i]) or ''
end
return out
