-- What steps share that may remove what was computed from a user's memory. Its
-- three keys are the last of them. Of each record DERIVED has its id → sealed
-- bytes, id/header → kind/conversation/first/last/version, id/parts →
-- conversation/first/last, … and id/state → position/key version/size.
local DERIVED, DERIVED_IDS, DERIVED_PARTS = KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]

-- list_entry is a record's member in the list by Position, part_entry one in the
-- list by conversation, which is '' for what was computed from all there was.
local function list_entry(kind, position, id) return kind .. '/' .. string.format('%016.0f', position) .. '/' .. id end
local function part_entry(conversation, id, first, last) return conversation .. '/' .. id .. '/' .. first .. '/' .. last end

-- stretches calls use with each stretch that a record was computed from.
local function stretches(header, parts, use)
  local conversation, first, last = string.match(header, '^[^/]*/([^/]*)/([^/]*)/([^/]*)')
  if conversation ~= '' then return use(conversation, first, last) end
  if parts == '' then return use('', '0', '0') end
  for part in string.gmatch(parts, '[^,]+') do use(string.match(part, '([^/]*)/([^/]*)/([^/]*)')) end
end

-- drop removes a record, of a kind if one is given.
local function drop(id, kind)
  local header, parts, state = unpack(redis.call('HMGET', DERIVED, id .. '/header', id .. '/parts', id .. '/state'))
  local of = header and string.match(header, '^[^/]*')
  if not header or kind and of ~= kind then return end
  redis.call('HDEL', DERIVED, id, id .. '/header', id .. '/parts', id .. '/state')
  redis.call('ZREM', DERIVED_IDS, list_entry(of, tonumber(string.match(state, '^%d+')), id))
  stretches(header, parts, function(conversation, first, last)
    redis.call('ZREM', DERIVED_PARTS, part_entry(conversation, id, first, last))
  end)
end

-- drop_of removes what has a stretch of a conversation for which holds is true.
local function drop_of(conversation, holds)
  for _, entry in ipairs(redis.call('ZRANGEBYLEX', DERIVED_PARTS, '[' .. conversation .. '/', '(' .. conversation .. '0')) do
    local id, first, last = string.match(entry, '/([^/]*)/([^/]*)/([^/]*)$')
    if not holds or holds(tonumber(first), tonumber(last)) then drop(id) end
  end
end

-- forget_derived removes what was computed from some of these numbers of the
-- conversation, or from all there was.
local function forget_derived(gone)
  if #gone == 0 or redis.call('EXISTS', DERIVED_PARTS) == 0 then return end
  drop_of(CONVERSATION_ID, function(first, last)
    for _, n in ipairs(gone) do
      if first <= tonumber(n) and tonumber(n) <= last then return true end
    end
  end)
  drop_of('')
end

-- words splits a text at its commas.
local function words(text)
  local list = {}
  for word in string.gmatch(text, '[^,]+') do list[#list + 1] = word end
  return list
end
