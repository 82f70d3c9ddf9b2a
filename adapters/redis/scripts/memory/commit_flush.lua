#!lua
-- Puts blobs in the place of the buffer's head. KEYS from 17: of the blobs.
-- ARGV: 5 event, 10 how many ids the head has, those, how many blobs, then
-- seven of each, as keep reads them, and its version.
local answer = enter()
if answer then return answer end
local c = open()
if not c then return {'not_found'} end

local n = tonumber(ARGV[10])
local head = n > 0 and redis.call('XRANGE', BUFFER, '-', '+', 'COUNT', n) or {}
if #head < n then return {'conflict'} end
for i, entry in ipairs(head) do
  if entry[2][ID] ~= ARGV[10 + i] then return {'conflict'} end
end
local blobs = tonumber(ARGV[11 + n])
for j = 1, blobs do
  if redis.call('EXISTS', KEYS[16 + j]) == 1 then return {'exists'} end
end
if full(1) then return {'full'} end

local places, number = {}, nil
for i, entry in ipairs(head) do
  number = string.match(entry[1], '^%d+')
  places[i] = CONVERSATION_ID .. '/' .. number
end
if n > 0 then
  redis.call('ZREM', BUFFERED, unpack(places))
  if n < c.buffered then redis.call('XTRIM', BUFFER, 'MINID', int(tonumber(number) + 1)) end
end
shrink(c, n)
local bytes = 0
for j = 1, blobs do
  local i = 12 + n + 8 * (j - 1)
  local position = int(redis.call('HINCRBY', USER, 'last_position', 1))
  bytes = bytes + keep(c, KEYS[16 + j], i, ARGV[i + 7], position)
  redis.call('ZADD', BLOBS, position, CONVERSATION_ID .. '/' .. ARGV[i])
  tell('sealed', ARGV[i], ARGV[i + 3], ARGV[i + 4], '')
end
count('buffered', 0 - n, 'blobs', blobs, 'blob_bytes', bytes)
record(5)
return done({int(c.buffered)})
