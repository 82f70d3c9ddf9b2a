#!lua flags=allow-oom
-- Makes all of a user's memory unreadable and takes it off the counters: what
-- is of an older epoch does not exist. KEYS: 6 user, 7 changes, 8 buffered,
-- 9 blobs, 10 blobs by time, 11 blobs that were cleared, 12 what is to be
-- purged, 13 facts, 14 who holds which of their keys, 15 on: what was computed.
-- ARGV: 3 user id, 4 event.
local answer = enter()
if answer then return answer end
local USER, CHANGES, BUFFERED, BLOBS, BY_TIME, CLEARED = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
if redis.call('EXISTS', USER) == 0 then return {'not_found'} end
if full(1) then return {'full'} end

local interactions, buffered, blobs, bytes = numbers(USER, 'interactions', 'buffered', 'blobs', 'blob_bytes')
for _, key in ipairs({USER, USAGE}) do
  add(key, 'interactions', 0 - interactions, 'buffered', 0 - buffered, 'blobs', 0 - blobs, 'blob_bytes', 0 - bytes)
end
redis.call('HINCRBY', USER, 'epoch', 1)
redis.call('UNLINK', BUFFERED, BY_TIME, unpack(KEYS, 13))
if redis.call('EXISTS', BLOBS) == 1 then -- an earlier purge may not have come to its end
  redis.call('ZUNIONSTORE', CLEARED, 2, CLEARED, BLOBS)
  redis.call('UNLINK', BLOBS)
end
if interactions > 0 or blobs > 0 then redis.call('SADD', KEYS[12], ARGV[3] .. '/cleared') end
change(USER, CHANGES, 'cleared', '', '', 0, 0, '')
record(4, 'interactions', int(interactions), 'blobs', int(blobs))
return done({interactions + blobs > 0 and 'purge' or ''})
