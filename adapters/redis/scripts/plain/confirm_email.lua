#!lua
-- Makes a reservation last. ARGV: 1 tenant.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {'conflict'} end
redis.call('SET', KEYS[1], ARGV[1])
return {'ok'}
