#!lua
-- Puts a record in a data key's place. KEYS[6]: data keys. ARGV: 3 version,
-- 4 the wrapped form that it must have, 5 the record.
local answer = enter()
if answer then return answer end
if wrapped(KEYS[6], ARGV[3]) ~= ARGV[4] then return {'conflict'} end
redis.call('HSET', KEYS[6], ARGV[3], ARGV[5])
return done({})
