#!lua
-- Adds an API key. KEYS[6]: the tenant's. ARGV: 3 id, 4 record, 5 event,
-- 10 how many there may be.
local answer = enter()
if answer then return answer end
local used, limit = numbers(USAGE, 'api_keys'), tonumber(ARGV[10])
if used >= limit then return {'quota', 'max_api_keys', int(used), int(limit)} end
if redis.call('HEXISTS', KEYS[6], ARGV[3]) == 1 then return {'exists'} end
if full(1) then return {'full'} end

local record_of_key = add_key(KEYS[6], ARGV[3], ARGV[4])
record(5)
return done({ARGV[3], record_of_key})
