#!lua flags=allow-oom
-- Replaces a delivery's state. ARGV: 3 id, 4 state, 5 whether it is pending,
-- 6 when it is due.
local answer = enter()
if answer then return answer end
if redis.call('HEXISTS', RECORDS, ARGV[3]) == 0 then return {'not_found'} end
redis.call('HSET', RECORDS, ARGV[3] .. '/state', ARGV[4])
place(ARGV[3], ARGV[5], ARGV[6])
cut()
return done({})
