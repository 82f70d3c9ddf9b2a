#!lua
-- Notes when API keys of a tenant were last used. KEYS: 1 tenant, 2 its API
-- keys. ARGV: id and time of each.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'ok'} end
for i = 1, #ARGV, 2 do
  local record = redis.call('HGET', KEYS[2], ARGV[i])
  local key = record and cjson.decode(record)
  if key and (not key.last_used_at or tonumber(key.last_used_at) < tonumber(ARGV[i + 1])) then
    key.last_used_at = ARGV[i + 1]
    redis.call('HSET', KEYS[2], ARGV[i], cjson.encode(key))
  end
end
return {'ok'}
