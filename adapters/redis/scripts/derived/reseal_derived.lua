#!lua
-- Puts newly sealed bytes in the place of a derived record's old. KEYS: 6 user.
-- ARGV: 3 id, 4 what its header begins with, 5 the old, 6 the new, 7 the key
-- version of the new.
local answer = enter()
if answer then return answer end
local id, begins = ARGV[3], ARGV[4]
local header, sealed, state = unpack(redis.call('HMGET', DERIVED, id .. '/header', id, id .. '/state'))
if redis.call('EXISTS', KEYS[6]) == 0 or not header or string.sub(header, 1, #begins) ~= begins or sealed ~= ARGV[5] then
  return done({'0'})
end
redis.call('HSET', DERIVED, id, ARGV[6], id .. '/state',
  string.match(state, '^%d+') .. '/' .. ARGV[7] .. '/' .. int(#ARGV[6]))
return done({'1'})
