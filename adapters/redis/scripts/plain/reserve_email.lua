#!lua
-- Reserves an email for a tenant. ARGV: 1 tenant, 2 for how long, in
-- milliseconds, 3 a holder known to be gone. Answers who holds it, and how long
-- that is a reservation only (-1: it is more).
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {'ok', ARGV[1], ARGV[2]}
end
return {'ok', holder, tostring(redis.call('PTTL', KEYS[1]))}
