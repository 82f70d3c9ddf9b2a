#!lua flags=allow-oom
-- Revokes an API key. KEYS[6]: the tenant's. ARGV: 3 id, 4 event.
local answer = enter()
if answer then return answer end
local record_of_key = redis.call('HGET', KEYS[6], ARGV[3])
if not record_of_key then return {'not_found'} end
local key = cjson.decode(record_of_key)
if key.revoked_at then return done({record_of_key}) end
if administers(key) then
  if numbers(USAGE, 'admin_keys') <= 1 then return {'last_admin'} end
  if full(1) then return {'full'} end
  add(USAGE, 'admin_keys', -1)
elseif full(1) then
  return {'full'}
end

key.revoked_at = ARGV[6]
record_of_key = cjson.encode(key)
redis.call('HSET', KEYS[6], ARGV[3], record_of_key)
record(4)
return done({record_of_key})
