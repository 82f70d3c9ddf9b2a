#!lua flags=allow-oom
-- Removes entries from the buffer. ARGV: 5 event, 10 on: their ids.
local answer = enter()
if answer then return answer end
local c = open()
if not c then return {'not_found'} end

local wanted, gone = {}, {}
for i = 10, #ARGV do wanted[ARGV[i]] = true end
each(function(entry, number)
  if wanted[entry[2][ID]] then gone[#gone + 1] = {entry[2][ID], entry[1], number} end
end)
local n = #gone
if n > 0 then
  if full(1) then return {'full'} end
  local gone_numbers = {}
  for i, g in ipairs(gone) do
    redis.call('XDEL', BUFFER, g[2])
    redis.call('ZREM', BUFFERED, CONVERSATION_ID .. '/' .. g[3])
    gone[i], gone_numbers[i] = g[1], g[3]
  end
  shrink(c, n)
  count('interactions', 0 - n, 'buffered', 0 - n)
  tell('forgotten', '', 0, 0, table.concat(gone, ','))
  forget_derived(gone_numbers)
  record(5, 'interactions', int(n))
end
return done({int(n)})
