#!lua
-- Adds deliveries. ARGV: from 3 on the id, what stays the same, the state,
-- whether it is pending and when it is due of each.
local answer = enter()
if answer then return answer end
for i = 3, #ARGV, 5 do
  if redis.call('HSETNX', RECORDS, ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('HSET', RECORDS, ARGV[i] .. '/state', ARGV[i + 2])
    redis.call('ZADD', LOG, int(redis.call('HINCRBY', USAGE, 'last_position', 1)), ARGV[i])
    place(ARGV[i], ARGV[i + 3], ARGV[i + 4])
  end
end
cut()
return done({})
