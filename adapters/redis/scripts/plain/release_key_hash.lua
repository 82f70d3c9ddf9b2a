#!lua flags=allow-oom
-- Removes the index entry of an API key. ARGV: 1 tenant, 2 key id.
local holder = redis.call('HMGET', KEYS[1], 'tenant', 'key')
if holder[1] == ARGV[1] and holder[2] == ARGV[2] then redis.call('DEL', KEYS[1]) end
return {'ok'}
