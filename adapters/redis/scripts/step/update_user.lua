#!lua
-- Replaces a user's sealed part. KEYS[6] is the user's. ARGV: 3 id, 4 sealed,
-- 5 the version it must have, 6 when, 7 event.
local answer = enter()
if answer then return answer end
local version = redis.call('HGET', KEYS[6], 'version')
if not version then return {'not_found'} end
if version ~= ARGV[5] then return {'conflict'} end
if full(1) then return {'full'} end

redis.call('HSET', KEYS[6], 'sealed', ARGV[4], 'version', int(tonumber(version) + 1), 'updated_at', ARGV[6])
record(7)
local outcome = redis.call('HGETALL', KEYS[6])
table.insert(outcome, 1, ARGV[3])
return done(outcome)
