#!lua flags=allow-oom
-- Replaces a blob. KEYS[17] is the blob's. ARGV: 5 event, of no type for none,
-- 10 the version it must have, 11 to 17 as keep reads them, 18 ids that it has
-- no more, joined by commas, 19 how many, 20 their numbers, joined by commas.
local answer = enter()
if answer then return answer end
local c = open()
local old = c and stored(c, KEYS[17])
if not old then return {'not_found'} end
if old.version ~= ARGV[10] then return {'conflict'} end
if ARGV[6] ~= '' and full(1) then return {'full'} end

redis.call('ZREM', SEALED, entry_of(ARGV[11], old.last, old.held))
local size = keep(c, KEYS[17], 11, int(tonumber(old.version) + 1), old.position)
-- Who reads a part of the conversation sees by this that blobs changed.
redis.call('HINCRBY', CONVERSATION, 'rewrites', 1)
count('interactions', 0 - tonumber(ARGV[19]), 'blob_bytes', size - old.size)
if ARGV[18] ~= '' then tell('forgotten', '', 0, 0, ARGV[18]) end
forget_derived(words(ARGV[20]))
if ARGV[6] ~= '' then record(5) end
return done({})
