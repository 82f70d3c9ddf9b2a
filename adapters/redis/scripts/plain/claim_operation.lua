#!lua
-- Gives an operation of the deployment what to do, unless it has that already.
-- KEYS: 1 operation, 2 operations by expiry. ARGV: 1 when it may be forgotten,
-- 2 its member in KEYS[2], 3 what to do, 4 what that may take the place of.
-- Answers what it has.
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[4] then return {'ok', kept} end
redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[2])
return {'ok', ARGV[3]}
