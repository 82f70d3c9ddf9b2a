#!lua
-- Takes interactions in of which the first come in blobs, together with all that is
-- buffered. KEYS from 17: of the blobs. ARGV: 5 event, 10 when, 11 how many ids the
-- blobs hold, those, as many numbers, how many blobs, eight of each, which are
-- seven as keep reads them and the version, then how many come after them, and id,
-- when accepted and sealed bytes of each.
local answer = enter()
if answer then return answer end
local c = open()
if not c then return {'not_found'} end
if c.closed then return {'closed'} end

local n, held = tonumber(ARGV[11]), c.buffered
if n <= held then return {'conflict'} end
local buffer = held > 0 and redis.call('XRANGE', BUFFER, '-', '+', 'COUNT', held) or {}
if #buffer < held then return {'conflict'} end
local places = {}
for i, entry in ipairs(buffer) do
  local number = string.match(entry[1], '^%d+')
  if entry[2][ID] ~= ARGV[11 + i] or number ~= ARGV[11 + n + i] then return {'conflict'} end
  places[i] = CONVERSATION_ID .. '/' .. number
end
for i = held + 1, n do
  if ARGV[11 + n + i] ~= int(c.next + i - held - 1) then return {'conflict'} end
end
local at = 12 + 2 * n
local blobs = tonumber(ARGV[at])
for j = 1, blobs do
  if redis.call('EXISTS', KEYS[16 + j]) == 1 then return {'exists'} end
end
if full(1) then return {'full'} end

if held > 0 then
  redis.call('ZREM', BUFFERED, unpack(places))
  redis.call('UNLINK', BUFFER)
  redis.call('ZREM', IDLE, PLACE)
  redis.call('ZREM', OLDEST, PLACE)
end
local rest = tonumber(ARGV[at + 8 * blobs + 1])
local u, new = c.user, n - held + rest
local outcome = {int(c.next), int(rest)}
for i = held + 1, n do table.insert(outcome, ARGV[11 + i]) end
local oldest = take(rest, at + 8 * blobs + 2, c.next + n - held, u.position + blobs + 1, outcome)
if rest > 0 then
  redis.call('ZADD', IDLE, ARGV[10], PLACE)
  redis.call('ZADD', OLDEST, oldest, PLACE)
end
keep_change(CHANGES, u.version + 1, 'appended', CONVERSATION_ID, '', int(c.next), int(c.next + new - 1), '')
local bytes = 0
for j = 1, blobs do
  local i, position = at + 8 * j - 7, int(u.position + j)
  bytes = bytes + keep(c, KEYS[16 + j], i, ARGV[i + 7], position)
  redis.call('ZADD', BLOBS, position, CONVERSATION_ID .. '/' .. ARGV[i])
  keep_change(CHANGES, u.version + 1 + j, 'sealed', CONVERSATION_ID, ARGV[i], ARGV[i + 3], ARGV[i + 4], '')
  table.insert(outcome, ARGV[i])
end
redis.call('HSET', CONVERSATION, 'next_number', int(c.next + new))
redis.call('HSET', USER, 'last_position', int(u.position + blobs + rest), 'memory_version', int(u.version + 1 + blobs))
count('interactions', new, 'buffered', rest - held, 'blobs', blobs, 'blob_bytes', bytes)
record(5)
return done(outcome)
