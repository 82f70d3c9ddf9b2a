#!lua flags=allow-oom
-- Removes a blob. KEYS[17] is the blob's. ARGV: 5 event, 10 the version it must
-- have, 11 its id, 12 the ids that it holds, joined by commas, 13 how many,
-- 14 their numbers, joined by commas.
local answer = enter()
if answer then return answer end
local c = open()
local old = c and stored(c, KEYS[17])
if not old then return {'not_found'} end
if old.version ~= ARGV[10] then return {'conflict'} end
if full(1) then return {'full'} end

local id, held = ARGV[11], ARGV[13]
redis.call('UNLINK', KEYS[17])
redis.call('ZREM', SEALED, entry_of(id, old.last, old.held))
redis.call('ZREM', BLOBS, CONVERSATION_ID .. '/' .. id)
redis.call('ZREM', BY_TIME, id)
redis.call('ZREM', EXPIRY, PLACE .. '/' .. id)
redis.call('HINCRBY', CONVERSATION, 'rewrites', 1)
count('interactions', 0 - tonumber(held), 'blobs', -1, 'blob_bytes', 0 - old.size)
if ARGV[12] ~= '' then tell('forgotten', '', 0, 0, ARGV[12]) end
forget_derived(words(ARGV[14]))
record(5, 'interactions', held)
return done({})
