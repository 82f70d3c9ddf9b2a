#!lua
-- Takes or prolongs a lease. ARGV: 1 holder, 2 now, 3 until when. It is kept
-- for a minute beyond, as the caller's clock may be behind the server's.
local there = redis.call('HMGET', KEYS[1], 'holder', 'until')
local now, till = tonumber(ARGV[2]), tonumber(ARGV[3])
if there[1] and there[1] ~= ARGV[1] and now < tonumber(there[2]) then return {'ok', '0'} end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', ARGV[3])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(till - now, 0) + 60000))
return {'ok', '1'}
