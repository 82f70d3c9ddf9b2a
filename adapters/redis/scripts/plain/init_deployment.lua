#!lua
-- Keeps the deployment if there is none. KEYS: 1 the deployment, 2 its data
-- keys. ARGV: 1 how many fields and values of the first follow, then those,
-- then fields and values of the second.
local last = 1 + tonumber(ARGV[1])
if redis.call('HEXISTS', KEYS[1], 'id') == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 2, last))
  if #ARGV > last then redis.call('HSET', KEYS[2], unpack(ARGV, last + 1)) end
end
return {'ok'}
