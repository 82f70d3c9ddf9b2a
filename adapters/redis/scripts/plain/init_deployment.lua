#!lua
-- Keeps the deployment if there is none. ARGV: fields and values.
if not redis.call('HGET', KEYS[1], 'id') then redis.call('HSET', KEYS[1], unpack(ARGV)) end
local kept = redis.call('HGETALL', KEYS[1])
table.insert(kept, 1, 'ok')
return kept
