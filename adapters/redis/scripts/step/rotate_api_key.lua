#!lua
-- Adds an API key and lets another one expire. KEYS[6]: the tenant's. ARGV:
-- 3 the old one's id, 4 when it expires, 5 now, 6 the new one's id and 7 its
-- record, 8 event, 13 how many there may be.
local answer = enter()
if answer then return answer end
local record_of_old = redis.call('HGET', KEYS[6], ARGV[3])
if not record_of_old then return {'not_found'} end
local old = cjson.decode(record_of_old)
local expired = old.expires_at and tonumber(old.expires_at) <= tonumber(ARGV[5])
if old.revoked_at or expired then return {'not_found'} end
local limit = tonumber(ARGV[13])
local dead = dead_keys(KEYS[6], limit, tonumber(ARGV[5]))
if not dead then return {'quota', 'max_api_keys', int(redis.call('HLEN', KEYS[6])), int(limit)} end
if redis.call('HEXISTS', KEYS[6], ARGV[6]) == 1 then return {'exists'} end
if full(1) then return {'full'} end

if administers(old) then add(USAGE, 'admin_keys', -1) end
if not old.expires_at or tonumber(ARGV[4]) < tonumber(old.expires_at) then old.expires_at = ARGV[4] end
record_of_old = cjson.encode(old)
redis.call('HSET', KEYS[6], ARGV[3], record_of_old)
local record_of_new = add_key(KEYS[6], ARGV[6], ARGV[7])
record(8)
return done(remove_keys(KEYS[6], dead, {ARGV[6], record_of_new, record_of_old}))
