#!lua flags=allow-oom
-- Takes those deliveries that are due still. ARGV: 3 now, 4 until when they are
-- taken, from 5 on their ids. Answers when the tenant's next one is due, '' for
-- none, and id, what stays the same, state and position of each that was taken.
local answer = enter()
if answer then return answer end
local out = {''}
for i = 5, #ARGV do
  local due = redis.call('ZSCORE', PENDING, ARGV[i])
  if due and tonumber(due) <= tonumber(ARGV[3]) then
    redis.call('ZADD', PENDING, ARGV[4], ARGV[i])
    local record = redis.call('HMGET', RECORDS, ARGV[i], ARGV[i] .. '/state')
    for _, field in ipairs({ARGV[i], record[1], record[2], int(tonumber(redis.call('ZSCORE', LOG, ARGV[i])))}) do
      out[#out + 1] = field
    end
  end
end
local next = redis.call('ZRANGE', PENDING, 0, 0, 'WITHSCORES')
if next[2] then out[1] = int(tonumber(next[2])) end
return done(out)
