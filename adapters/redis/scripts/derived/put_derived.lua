#!lua
-- Adds and removes derived records of a user. KEYS: 6 user, 7 changes. ARGV: 3
-- the kind, 4 how many ids to remove, those, then of each record to add its id,
-- version, header, parts, key version and sealed bytes.
local answer = enter()
if answer then return answer end
local USER, CHANGES = KEYS[6], KEYS[7]
if redis.call('EXISTS', USER) == 0 then return {'not_found'} end

local kind, first = ARGV[3], 5 + tonumber(ARGV[4])
local newest, since = numbers(USER, 'memory_version'), nil
for i = first, #ARGV, 6 do
  local version = tonumber(ARGV[i + 1])
  if version > newest then return {'conflict'} end
  if not since or version < since then since = version end
end

-- holds tells whether the record at ARGV[i] has a stretch of a conversation.
local function holds(i, conversation)
  local found = false
  stretches(ARGV[i + 2], ARGV[i + 3], function(of) found = found or of == '' or of == conversation end)
  return found
end

if since and since < newest then
  local changes = redis.call('XRANGE', CHANGES, int(since + 1), '+')
  if not changes[1] or changes[1][1] ~= int(since + 1) .. '-0' then return {'conflict'} end
  for _, c in ipairs(changes) do
    local version, what, conversation = tonumber(string.match(c[1], '^%d+')), c[2][2], c[2][4]
    local gone = what == 'forgotten' or what == 'conversation_deleted'
    for i = first, #ARGV, 6 do
      if version > tonumber(ARGV[i + 1]) and (what == 'cleared' or gone and holds(i, conversation)) then return {'conflict'} end
    end
  end
end

for i = 5, first - 1 do drop(ARGV[i], kind) end
for i = first, #ARGV, 6 do
  local id, header, parts, key, sealed = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  drop(id)
  local position = redis.call('HINCRBY', USER, 'last_position', 1)
  redis.call('HSET', DERIVED, id, sealed, id .. '/header', header, id .. '/parts', parts,
    id .. '/state', int(position) .. '/' .. key .. '/' .. int(#sealed))
  redis.call('ZADD', DERIVED_IDS, 0, list_entry(kind, position, id))
  stretches(header, parts, function(conversation, from, to)
    redis.call('ZADD', DERIVED_PARTS, 0, part_entry(conversation, id, from, to))
  end)
end
return done({})
