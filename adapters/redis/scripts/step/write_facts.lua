#!lua
-- Changes a user's facts. KEYS: 6 user, 7 changes, 8 blobs, 9 facts, 10 who
-- holds which key, 11 blobs by when they expire, 12 on: of the facts that are
-- deleted, rewritten and added, in this order. ARGV: 3 user id, 4 how many facts
-- there may be, then four lists, each after its length: keys (key, holder,
-- next), deleted (id, version), rewritten and added (id, header, sealed, when
-- taken in, version: the one it must have, or the one it gets), and events.
local answer = enter()
if answer then return answer end
local USER, CHANGES, BLOBS, FACTS, HOLDERS, EXPIRY = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local epoch = redis.call('HGET', USER, 'epoch')
if not epoch then return {'not_found'} end

local at, key = 5, 11
-- list reads the next list, of items of so many arguments.
local function list(width, keyed)
  local n = tonumber(ARGV[at])
  local items = {}
  for i = 1, n do
    items[i] = {unpack(ARGV, at + 1 + (i - 1) * width, at + i * width)}
    if keyed then
      key = key + 1
      items[i].key = KEYS[key]
    end
  end
  at = at + 1 + n * width
  return items
end
local keys, deleted, rewritten, added = list(3), list(2, true), list(5, true), list(5, true)

-- stored reads a fact if it is there in that version.
local function stored(fact, version)
  local f = redis.call('HMGET', fact.key, 'conversation', 'epoch', 'version', 'size', 'position')
  if f[1] ~= '' or f[2] ~= epoch or f[3] ~= version then return nil end
  fact.size, fact.position = tonumber(f[4]), f[5]
  return fact
end

for _, k in ipairs(keys) do
  if (redis.call('HGET', HOLDERS, 'key/' .. k[1]) or '') ~= k[2] then return {'conflict'} end
end
local known = {} -- whether a fact is there after the step, where the step says so
for _, f in ipairs(deleted) do
  if not stored(f, f[2]) then return {'conflict'} end
  known[f[1]] = false
end
for _, f in ipairs(rewritten) do
  if not stored(f, f[5]) then return {'conflict'} end
end
for _, f in ipairs(added) do
  if redis.call('EXISTS', f.key) == 1 then return {'exists'} end
  known[f[1]] = true
end
for _, k in ipairs(keys) do
  local id = k[3]
  if known[id] == false or id ~= '' and known[id] == nil and not redis.call('ZSCORE', FACTS, id) then return {'not_found'} end
end
local has = redis.call('ZCARD', FACTS) - #deleted
if #added > 0 and has + #added > tonumber(ARGV[4]) then
  return {'quota', 'max_facts', int(has + #deleted), ARGV[4]}
end

if full(tonumber(ARGV[at])) then return {'full'} end

local blobs, bytes = #added - #deleted, 0
local function tell(f) change(USER, CHANGES, 'fact', '', f[1], 0, 0, '') end
local function keep(f, version, position)
  redis.call('HSET', f.key, 'conversation', '', 'epoch', epoch, 'header', f[2], 'sealed', f[3], 'size', int(#f[3]),
    'version', version, 'position', position, 'last', 0, 'held', 0)
  redis.call('ZADD', FACTS, f[4], f[1])
  redis.call('ZADD', EXPIRY, f[4], ARGV[3] .. '//' .. f[1])
  bytes = bytes + #f[3]
  tell(f)
end
for _, f in ipairs(deleted) do
  redis.call('UNLINK', f.key)
  redis.call('ZREM', BLOBS, '/' .. f[1])
  redis.call('ZREM', FACTS, f[1])
  redis.call('ZREM', EXPIRY, ARGV[3] .. '//' .. f[1])
  local held = redis.call('HGET', HOLDERS, 'fact/' .. f[1])
  if held then redis.call('HDEL', HOLDERS, 'fact/' .. f[1], 'key/' .. held) end
  bytes = bytes - f.size
  tell(f)
end
for _, f in ipairs(rewritten) do
  bytes = bytes - f.size
  keep(f, int(tonumber(f[5]) + 1), f.position)
end
for _, f in ipairs(added) do
  local position = int(redis.call('HINCRBY', USER, 'last_position', 1))
  redis.call('ZADD', BLOBS, position, '/' .. f[1])
  keep(f, f[5], position)
end
for _, k in ipairs(keys) do
  if k[2] ~= '' then redis.call('HDEL', HOLDERS, 'fact/' .. k[2], 'key/' .. k[1]) end
  if k[3] ~= '' then redis.call('HSET', HOLDERS, 'key/' .. k[1], k[3], 'fact/' .. k[3], k[1]) end
end
add(USER, 'blobs', blobs, 'blob_bytes', bytes)
add(USAGE, 'blobs', blobs, 'blob_bytes', bytes)
local events = tonumber(ARGV[at])
for i = 1, events do record(at + 1 + (i - 1) * 5) end
return done({})
