#!lua flags=allow-oom
-- Makes a conversation unreadable and takes it off the counters. KEYS: 17 the
-- user's conversations, 18 their references, 19 users with a full quota,
-- 20 what is to be purged. ARGV: 5 event, 10 the user's id.
local answer = enter()
if answer then return answer end
local c = open()
if not c then return {'not_found'} end
if full(1) then return {'full'} end

local interactions, buffered, blobs, bytes =
  numbers(CONVERSATION, 'interactions', 'buffered', 'blobs', 'blob_bytes')
local ref = redis.call('HGET', CONVERSATION, 'ref')
if ref ~= '' then redis.call('HDEL', KEYS[18], ref) end
redis.call('ZREM', KEYS[17], CONVERSATION_ID)
redis.call('UNLINK', CONVERSATION, BUFFER)
redis.call('ZREM', IDLE, PLACE)
redis.call('ZREM', OLDEST, PLACE)
if interactions > 0 or blobs > 0 then redis.call('SADD', KEYS[20], PLACE) end
for _, key in ipairs({USER, USAGE}) do
  add(key, 'conversations', -1, 'interactions', 0 - interactions, 'buffered', 0 - buffered,
    'blobs', 0 - blobs, 'blob_bytes', 0 - bytes)
end
local left, most = numbers(USER, 'conversations'), numbers(TENANT, 'max_conversations_per_user')
if left < most then
  redis.call('ZREM', KEYS[19], ARGV[10])
else
  redis.call('ZADD', KEYS[19], 'XX', int(left), ARGV[10])
end
drop_of(CONVERSATION_ID)
if interactions > 0 then drop_of('') end
tell('conversation_deleted', '', 0, 0, '')
record(5, 'interactions', int(interactions), 'blobs', int(blobs))
return done({interactions + blobs > 0 and 'purge' or ''})
