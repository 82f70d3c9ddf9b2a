#!lua
-- Claims an Idempotency-Key. KEYS: 1 record, 2 records by expiry, 3 the tenant,
-- if it is a tenant's. ARGV: 1 the record's member in KEYS[2], 2 fingerprint,
-- 3 operation, 4 now, 5 until when the lease runs, 6 when it is forgotten.
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 0 then return {'not_found'} end
-- A lease that runs longer than this caller's would, and a minute, as clocks
-- differ, was taken before a clock was set back, and is over.
local now = tonumber(ARGV[4])
local longest = tonumber(ARGV[5]) + 60000
local r = redis.call('HMGET', KEYS[1], 'fingerprint', 'operation', 'lease_until', 'until', 'response')
local past = r[1] and now > tonumber(r[4])
local same = r[1] == ARGV[2]
local released = r[3] == ''
local operation = r[2]
if not r[1] or past or (released and not same) then
  redis.call('DEL', KEYS[1])
  operation = ARGV[3]
elseif not same then
  return {'ok', 'mismatch', operation}
elseif r[5] then
  return {'ok', 'done', operation, r[5]}
elseif not released and now <= tonumber(r[3]) and tonumber(r[3]) <= longest then
  return {'ok', 'running', operation}
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'operation', operation, 'lease_until', ARGV[5], 'until', ARGV[6])
redis.call('PEXPIREAT', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[1])
return {'ok', 'claimed', operation}
