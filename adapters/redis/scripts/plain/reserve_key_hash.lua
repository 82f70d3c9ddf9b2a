#!lua
-- Reserves the index entry of an API key. ARGV: 1 tenant, 2 key id, 3 for how
-- long, in milliseconds.
local holder = redis.call('HMGET', KEYS[1], 'tenant', 'key')
if holder[1] and (holder[1] ~= ARGV[1] or holder[2] ~= ARGV[2]) then return {'exists'} end
if not holder[1] then
  redis.call('HSET', KEYS[1], 'tenant', ARGV[1], 'key', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {'ok'}
