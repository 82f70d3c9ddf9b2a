#!lua
-- Ends the claim of an Idempotency-Key that operation ARGV[1] holds, if it has
-- no response. KEYS: 1 record, 2 the tenant, if it is a tenant's. ARGV: 2 how:
-- 'complete' with the response in 3, 'release' or 'abandon'.
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 0 then return {'not_found'} end
local r = redis.call('HMGET', KEYS[1], 'operation', 'response')
if r[1] ~= ARGV[1] or r[2] then return {'ok'} end
if ARGV[2] == 'complete' then
  redis.call('HSET', KEYS[1], 'response', ARGV[3])
elseif ARGV[2] == 'release' then
  redis.call('HSET', KEYS[1], 'lease_until', '')
else
  redis.call('DEL', KEYS[1])
end
return {'ok'}
