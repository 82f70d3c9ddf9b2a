#!lua
-- Puts newly sealed bytes in the place of the old. KEYS: from 6 on the user's,
-- the conversation's and the record's own of each. ARGV: from 3 on of each the
-- old, the new, and for a blob its new header and its conversation, else ''.
-- The user's and the conversation's are the same where there is none.
local answer = enter()
if answer then return answer end
local replaced = 0
for k = 6, #KEYS, 3 do
  local user, conversation, own = KEYS[k], KEYS[k + 1], KEYS[k + 2]
  local i = 3 + (k - 6) / 3 * 4
  local epoch = redis.call('HGET', user, 'epoch')
  local there = epoch and redis.call('EXISTS', conversation) == 1 and redis.call('HGET', own, 'sealed') == ARGV[i]
  if there and ARGV[i + 2] == '' then
    redis.call('HSET', own, 'sealed', ARGV[i + 1])
    replaced = replaced + 1
  elseif there then
    local b = redis.call('HMGET', own, 'epoch', 'conversation', 'size')
    if b[1] == epoch and b[2] == ARGV[i + 3] then
      local size = #ARGV[i + 1]
      redis.call('HSET', own, 'sealed', ARGV[i + 1], 'header', ARGV[i + 2], 'size', int(size))
      for _, key in ipairs({user, USAGE, conversation ~= user and conversation or nil}) do
        add(key, 'blob_bytes', size - tonumber(b[3]))
      end
      replaced = replaced + 1
    end
  end
end
return done({int(replaced)})
