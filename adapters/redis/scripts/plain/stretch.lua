#!lua flags=no-writes
-- Reads which blobs a part of a conversation is in, and what of it is buffered.
-- KEYS: 1 tenant, 2 user, 3 conversation, 4 its blobs, 5 its buffer. ARGV:
-- 1 number after which to read, 2 '1' to read back, 3 how many. Answers epoch,
-- rewrites, how many blobs, those, then four of each buffered entry.
local epoch = redis.call('HGET', KEYS[2], 'epoch')
local c = redis.call('HMGET', KEYS[3], 'epoch', 'rewrites')
if redis.call('EXISTS', KEYS[1]) == 0 or not epoch or not c[1] then return {'not_found'} end
local out = {'ok', epoch, c[2] or '0', '0'}
if c[1] ~= epoch then return out end

local after, back, left = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])

local function take_buffered()
  local from, to, command = '(' .. ARGV[1] .. '-0', '+', 'XRANGE'
  if back then from, to, command = after == 0 and '+' or from, '-', 'XREVRANGE' end
  for _, entry in ipairs(redis.call(command, KEYS[5], from, to, 'COUNT', left)) do
    out[#out + 1] = string.match(entry[1], '^%d+')
    for i = 2, 8, 2 do out[#out + 1] = entry[2][i] end
    left = left - 1
  end
end

-- How much of the first blob is beyond after is not known here; it does not
-- count.
local function take_blobs()
  local blobs, held = {}, 0
  local command, from, to = 'ZRANGEBYSCORE', '(' .. ARGV[1], '+inf'
  if back then
    command, from, to = 'ZREVRANGEBYSCORE', after == 0 and '+inf' or '(' .. ARGV[1], '-inf'
  else
    for _, member in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[4], ARGV[1], '-inf', 'LIMIT', 0, 1)) do
      local id, last = string.match(member, '^([^/]+)/(%d+)/')
      if tonumber(last) > after then blobs[1] = id end
    end
  end
  local skip = 0
  while held < left do
    local members = redis.call(command, KEYS[4], from, to, 'LIMIT', skip, 100)
    for _, member in ipairs(members) do
      if held >= left then break end
      local id, last, has = string.match(member, '^([^/]+)/(%d+)/(%d+)$')
      blobs[#blobs + 1] = id
      if not back or after == 0 or tonumber(last) < after then held = held + tonumber(has) end
    end
    if #members < 100 then break end
    skip = skip + 100
  end
  left = left - held
  return blobs
end

local blobs = {}
if back then
  take_buffered()
  if left > 0 then blobs = take_blobs() end
else
  blobs = take_blobs()
  if left > 0 then take_buffered() end
end
out[4] = tostring(#blobs)
for i, id in ipairs(blobs) do table.insert(out, 4 + i, id) end
return out
