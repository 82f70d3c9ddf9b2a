#!lua
-- Replaces the sealed part and may close. ARGV: 5 sealed, 6 '1' to close,
-- 7 the version it must have, 8 when, 9 event.
local answer = enter()
if answer then return answer end
local c = open()
if not c then return {'not_found'} end
local version = redis.call('HGET', CONVERSATION, 'version')
if version ~= ARGV[7] then return {'conflict'} end

local closing = ARGV[6] == '1'
if not (closing and c.closed) then
  if full(1) then return {'full'} end
  redis.call('HSET', CONVERSATION, 'sealed', ARGV[5], 'version', int(tonumber(version) + 1), 'updated_at', ARGV[8])
  if closing then
    redis.call('HSET', CONVERSATION, 'closed_at', ARGV[8])
    if c.buffered > 0 then redis.call('ZADD', IDLE, '-inf', PLACE) end
  end
  record(9)
end
return done(redis.call('HGETALL', CONVERSATION))
