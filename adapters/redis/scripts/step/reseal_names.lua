#!lua
-- Puts a tenant's newly sealed profile and names of API keys in the place of
-- the old. KEYS[6]: its API keys. ARGV: from 3 on the key's id, '' for the
-- profile, the old and the new of each; of an API key in base64.
local answer = enter()
if answer then return answer end
local replaced = 0
for i = 3, #ARGV, 3 do
  local id, was, now = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local record = id ~= '' and redis.call('HGET', KEYS[6], id)
  if id == '' and redis.call('HGET', TENANT, 'profile') == was then
    redis.call('HSET', TENANT, 'profile', now)
    replaced = replaced + 1
  elseif record then
    local key = cjson.decode(record)
    if key.sealed == was then
      key.sealed = now
      redis.call('HSET', KEYS[6], id, cjson.encode(key))
      replaced = replaced + 1
    end
  end
end
return done({int(replaced)})
