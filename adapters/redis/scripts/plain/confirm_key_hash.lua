#!lua flags=allow-oom
-- Writes the index entry of an API key. ARGV: 1 tenant, 2 key id, 3 scopes,
-- 4 expiry, 5 revocation.
local holder = redis.call('HMGET', KEYS[1], 'tenant', 'key')
if holder[1] and (holder[1] ~= ARGV[1] or holder[2] ~= ARGV[2]) then return {'conflict'} end
redis.call('HSET', KEYS[1], 'tenant', ARGV[1], 'key', ARGV[2], 'scopes', ARGV[3],
  'expires_at', ARGV[4], 'revoked_at', ARGV[5])
redis.call('PERSIST', KEYS[1])
return {'ok'}
