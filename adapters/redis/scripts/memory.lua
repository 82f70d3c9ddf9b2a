-- What steps on a conversation's memory share.
local USER, CHANGES, BUFFERED, CONVERSATION = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local BUFFER, SEALED, IDLE, OLDEST = KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local EXPIRY, BLOBS, BY_TIME = KEYS[14], KEYS[15], KEYS[16]
local PLACE = ARGV[3] -- user/conversation
local CONVERSATION_ID = ARGV[4]

-- Where the fields of a buffer's entry stand.
local ID, ACCEPTED = 2, 6

-- open reads the conversation and its user; nil when either is not there. What
-- the conversation held before the user's memory was cleared is of an older epoch,
-- and goes.
local function open()
  local u = redis.call('HMGET', USER, 'epoch', 'last_position', 'interactions', 'buffered', 'memory_version')
  local c = redis.call('HMGET', CONVERSATION, 'epoch', 'next_number', 'buffered', 'closed_at', 'interactions')
  if not u[1] or not c[1] then return nil end
  if c[1] ~= u[1] then
    redis.call('UNLINK', BUFFER, SEALED)
    redis.call('ZREM', IDLE, PLACE)
    redis.call('ZREM', OLDEST, PLACE)
    redis.call('HSET', CONVERSATION, 'epoch', u[1], 'interactions', 0, 'buffered', 0, 'blobs', 0, 'blob_bytes', 0)
    c[3], c[5] = 0, 0
  end
  return {epoch = u[1], next = tonumber(c[2]), buffered = tonumber(c[3] or 0), closed = c[4] and true,
    interactions = tonumber(c[5] or 0), user = {position = tonumber(u[2] or 0), interactions = tonumber(u[3] or 0),
    buffered = tonumber(u[4] or 0), version = tonumber(u[5] or 0)}}
end

-- count adds to the counters of conversation, user and tenant.
local function count(...)
  add(CONVERSATION, ...)
  add(USER, ...)
  add(USAGE, ...)
end

local function tell(kind, blob, first, last, interactions)
  change(USER, CHANGES, kind, CONVERSATION_ID, blob, first, last, interactions)
end

-- each calls use with every entry of the buffer and its number.
local function each(use)
  local from = '-'
  while true do
    local entries = redis.call('XRANGE', BUFFER, from, '+', 'COUNT', 100)
    for _, entry in ipairs(entries) do use(entry, string.match(entry[1], '^%d+')) end
    if #entries < 100 then return end
    from = '(' .. entries[#entries][1]
  end
end

-- shrink notes what is left of the buffer after so many entries were removed.
local function shrink(c, removed)
  c.buffered = c.buffered - removed
  if c.buffered == 0 then
    redis.call('UNLINK', BUFFER)
    redis.call('ZREM', IDLE, PLACE)
    redis.call('ZREM', OLDEST, PLACE)
    return
  end
  local oldest
  each(function(entry)
    local accepted = tonumber(entry[2][ACCEPTED])
    if not oldest or accepted < oldest then oldest = accepted end
  end)
  redis.call('ZADD', OLDEST, int(oldest), PLACE)
end

-- entry_of is a blob's member in the conversation's list: its last number and
-- how many it holds tell which blobs a part of the conversation is in.
local function entry_of(id, last, held) return id .. '/' .. last .. '/' .. held end

-- keep writes a blob that begins at ARGV[i]; see blobArgs.
local function keep(c, key, i, version, position)
  local id, header, sealed = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local first, last, held, taken = ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  redis.call('HSET', key, 'conversation', CONVERSATION_ID, 'epoch', c.epoch, 'header', header, 'sealed', sealed,
    'size', int(#sealed), 'version', version, 'position', position, 'last', last, 'held', held)
  redis.call('ZADD', SEALED, first, entry_of(id, last, held))
  redis.call('ZADD', BY_TIME, taken, id)
  redis.call('ZADD', EXPIRY, taken, PLACE .. '/' .. id)
  return #sealed
end

-- stored reads a blob; nil when it is not there.
local function stored(c, key)
  local b = redis.call('HMGET', key, 'conversation', 'epoch', 'version', 'size', 'position', 'last', 'held')
  if b[1] ~= CONVERSATION_ID or b[2] ~= c.epoch then return nil end
  return {version = b[3], size = tonumber(b[4]), position = b[5], last = b[6], held = b[7]}
end

-- take adds n entries to the buffer, which begin at ARGV[i] with id, when accepted
-- and sealed bytes, numbered and placed from there on. It adds their ids to the
-- outcome and tells when the oldest was accepted.
local function take(n, i, next, position, outcome)
  local oldest, buffered = math.huge, {}
  for j = 0, n - 1 do
    local id, accepted = ARGV[i + 3 * j], ARGV[i + 3 * j + 1]
    local number, place = int(next + j), int(position + j)
    redis.call('XADD', BUFFER, number .. '-0', 'id', id, 'position', place, 'accepted_at', accepted, 'sealed', ARGV[i + 3 * j + 2])
    buffered[2 * j + 1], buffered[2 * j + 2] = place, CONVERSATION_ID .. '/' .. number
    oldest = math.min(oldest, tonumber(accepted))
    table.insert(outcome, id)
  end
  if n > 0 then redis.call('ZADD', BUFFERED, unpack(buffered)) end
  return n > 0 and int(oldest)
end
