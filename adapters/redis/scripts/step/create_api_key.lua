#!lua
-- Adds an API key. KEYS[6]: the tenant's. ARGV: 3 id, 4 record, 5 event,
-- 10 how many there may be, 11 now.
local answer = enter()
if answer then return answer end
local limit = tonumber(ARGV[10])
local dead = dead_keys(KEYS[6], limit, tonumber(ARGV[11]))
if not dead then return {'quota', 'max_api_keys', int(redis.call('HLEN', KEYS[6])), int(limit)} end
if redis.call('HEXISTS', KEYS[6], ARGV[3]) == 1 then return {'exists'} end
if full(1) then return {'full'} end

local record_of_key = add_key(KEYS[6], ARGV[3], ARGV[4])
record(5)
return done(remove_keys(KEYS[6], dead, {ARGV[3], record_of_key, ''}))
