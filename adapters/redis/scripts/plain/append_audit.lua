#!lua
-- Adds entries to an audit log. KEYS: 1 entries, 2 the log's end, 3 where in it
-- times are, then the lists of entries of a type, an actor, and both. ARGV: 1 the
-- first entry's seq, 2 how many, 3 the hash of the chain after them and 4 those of
-- the tree, 5 how far apart times are noted; then of each entry its id, type, when,
-- actor, data, leaf, chain and when added, and which of KEYS list it, three.
local LOG, HEAD, TIMES = KEYS[1], KEYS[2], KEYS[3]
local FIELDS = 11
local first, n = tonumber(ARGV[1]), tonumber(ARGV[2])
local function int(n) return string.format('%.0f', n) end
local function fork(seq, what) return {'fork', int(seq), what} end

local head = redis.call('HMGET', HEAD, 'seq', 'latest', 'behind')
local last, latest, behind = tonumber(head[1] or 0), tonumber(head[2]), tonumber(head[3] or 0)
if first > last + 1 then return fork(last + 1, 'is missing') end
local known = math.min(last + 1 - first, n)
local from = first
while from < first + known do
  local to = math.min(from + 99, first + known - 1)
  local entries = redis.call('XRANGE', LOG, int(from) .. '-0', int(to) .. '-0')
  for i = 0, to - from do
    local entry, seq = entries[i + 1], int(from + i)
    if not entry or entry[1] ~= seq .. '-0' then return fork(seq, 'is gone') end
    local chain
    for f = 1, #entry[2], 2 do
      if entry[2][f] == 'chain' then chain = entry[2][f + 1] end
    end
    if chain ~= ARGV[6 + (from + i - first) * FIELDS + 6] then return fork(seq, 'is another entry') end
  end
  from = to + 1
end
if known == n then return {'ok'} end
local behind_end = redis.call('XRANGE', LOG, int(last + 1) .. '-0', '+', 'COUNT', 1)[1]
if behind_end then return fork(last + 1, 'is there, behind the end of the log') end

for i = known, n - 1 do
  local a, seq = 6 + i * FIELDS, int(first + i)
  redis.call('XADD', LOG, seq .. '-0', 'id', ARGV[a], 'type', ARGV[a + 1], 'at', ARGV[a + 2], 'actor', ARGV[a + 3],
    'data', ARGV[a + 4], 'leaf', ARGV[a + 5], 'chain', ARGV[a + 6], 'added', ARGV[a + 7])
  for list = a + 8, a + 10 do redis.call('XADD', KEYS[tonumber(ARGV[list])], seq .. '-0', '', '') end
  local at = tonumber(ARGV[a + 2])
  latest = math.max(latest or at, at)
  behind = math.max(behind, latest - at)
  if (first + i) % tonumber(ARGV[5]) == 0 then redis.call('ZADD', TIMES, int(latest), seq) end
end
redis.call('HSET', HEAD, 'seq', int(first + n - 1), 'chain', ARGV[3], 'tree', ARGV[4], 'latest', int(latest), 'behind', int(behind))
return {'ok'}
