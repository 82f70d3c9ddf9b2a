-- What every step of a tenant shares. The five first keys and the two first
-- arguments are the same in all of them. A step answers with an array whose
-- first element says how it ended.
local TENANT, USAGE, EVENTS, OP, OPERATIONS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local UNTIL = ARGV[1] -- when the outcome may be forgotten, in milliseconds; '' to remember none
local OP_NAME = ARGV[2] -- the operation's member in OPERATIONS

local MAX_OUTBOX = tonumber(table.remove(ARGV)) -- events that an outbox may hold; always the last argument
local recorded = false -- whether the step recorded an event, see load in script.go

-- int writes a number out; Lua's own way loses digits after the fourteenth.
local function int(n) return string.format('%d', n) end

-- replay is the outcome of an earlier run of the same operation, or nil.
local function replay()
  local kept = UNTIL ~= '' and redis.call('GET', OP)
  return kept and cmsgpack.unpack(kept)
end

-- enter is what to answer at once, or nil for a step that is to be done.
local function enter()
  if redis.call('EXISTS', TENANT) == 0 then return {'not_found'} end
  return replay()
end

-- done remembers the outcome, which is an array of texts.
local function done(outcome)
  table.insert(outcome, 1, 'ok')
  if UNTIL ~= '' then
    redis.call('SET', OP, cmsgpack.pack(outcome), 'PXAT', UNTIL)
    redis.call('ZADD', OPERATIONS, UNTIL, OP_NAME)
  end
  return outcome
end

-- full tells whether so many events more are too many for the outbox. A step
-- that would record any asks before it writes, and if so ends with {'full'}.
local function full(events)
  return events > 0 and redis.call('XLEN', EVENTS) + events > MAX_OUTBOX
end

-- record keeps the event whose five parts begin at ARGV[i], with counts that
-- only the step knows: name, number, name, number, …
local function record(i, ...)
  local seq = redis.call('HINCRBY', USAGE, 'seq', 1)
  recorded = true
  redis.call('XADD', EVENTS, int(seq) .. '-0', 'id', ARGV[i], 'type', ARGV[i + 1],
    'at', ARGV[i + 2], 'actor', ARGV[i + 3], 'data', ARGV[i + 4], ...)
end

-- add adds to counters of a hash: name, number, name, number, …
local function add(key, ...)
  local deltas = {...}
  for i = 1, #deltas, 2 do
    if deltas[i + 1] ~= 0 then redis.call('HINCRBY', key, deltas[i], int(deltas[i + 1])) end
  end
end

-- numbers reads fields of a hash as numbers; what is not there is 0.
local function numbers(key, ...)
  local values = redis.call('HMGET', key, ...)
  for i = 1, #values do values[i] = tonumber(values[i] or 0) end
  return unpack(values)
end

-- keep_change keeps the change of a user's memory that has this number. Old ones
-- go when twice as many are there as must be kept.
local function keep_change(changes, version, kind, conversation, blob, first, last, interactions)
  redis.call('XADD', changes, int(version) .. '-0', 'kind', kind, 'conversation', conversation,
    'blob', blob, 'first', first, 'last', last, 'interactions', interactions)
  if version % CHANGES_KEPT == 0 then
    redis.call('XTRIM', changes, 'MINID', int(version - CHANGES_KEPT + 1))
  end
end

-- change numbers a change and keeps it.
local function change(user, changes, ...)
  keep_change(changes, redis.call('HINCRBY', user, 'memory_version', 1), ...)
end

-- administers tells whether an API key counts as one with which the tenant can
-- be administered for ever.
local function administers(key)
  return math.floor(tonumber(key.scopes) / SCOPE_ADMIN) % 2 == 1 and not key.expires_at and not key.revoked_at
end

-- dead_keys lists API keys that are revoked or expired, those longest so first: as
-- many as make room for another, and some more, so that the next finds room.
local KEYS_AT_ONCE = 20
local function dead_keys(keys, limit, now)
  local many = redis.call('HLEN', keys) - limit
  if many < 0 then return {} end
  local all, dead = redis.call('HGETALL', keys), {}
  for i = 1, #all, 2 do
    local key = cjson.decode(all[i + 1])
    local died = tonumber(key.revoked_at or key.expires_at)
    if key.revoked_at or died and died <= now then
      dead[#dead + 1] = {id = all[i], hash = key.hash, died = died}
    end
  end
  if #dead <= many then return nil end
  table.sort(dead, function(a, b) return a.died < b.died end)
  for i = #dead, many + KEYS_AT_ONCE + 1, -1 do dead[i] = nil end
  return dead
end

-- remove_keys removes dead keys, and adds their ids and hashes to a list.
local function remove_keys(keys, dead, list)
  for _, key in ipairs(dead) do
    redis.call('HDEL', keys, key.id)
    list[#list + 1] = key.id
    list[#list + 1] = key.hash
  end
  return list
end

-- add_key keeps a new API key and gives back its record.
local function add_key(keys, id, record)
  local key = cjson.decode(record)
  key.position = int(redis.call('HINCRBY', USAGE, 'last_position', 1))
  record = cjson.encode(key)
  redis.call('HSET', keys, id, record)
  if administers(key) then add(USAGE, 'admin_keys', 1) end
  return record
end
