#!lua flags=allow-oom
-- Makes a user unreadable and takes it off the counters. KEYS: 6 user, 7 the
-- tenant's users, 8 the reference, 9 users with a full quota, 10 what is to be
-- purged, 11 on: what goes at once. ARGV: 3 id, 4 reference, 5 event.
local answer = enter()
if answer then return answer end
local USER = KEYS[6]
local ref = redis.call('HGET', USER, 'ref')
if not ref then return {'not_found'} end
if ref ~= ARGV[4] then return {'conflict'} end
if full(1) then return {'full'} end

local conversations, interactions, buffered, blobs, bytes =
  numbers(USER, 'conversations', 'interactions', 'buffered', 'blobs', 'blob_bytes')
add(USAGE, 'users', -1, 'conversations', 0 - conversations, 'interactions', 0 - interactions,
  'buffered', 0 - buffered, 'blobs', 0 - blobs, 'blob_bytes', 0 - bytes)
if ref ~= '' then redis.call('DEL', KEYS[8]) end
redis.call('ZREM', KEYS[7], ARGV[3])
redis.call('ZREM', KEYS[9], ARGV[3])
redis.call('UNLINK', USER, unpack(KEYS, 11))
if conversations + blobs > 0 then redis.call('SADD', KEYS[10], ARGV[3]) end
if numbers(USAGE, 'users') < numbers(TENANT, 'max_users') then redis.call('HDEL', USAGE, 'users_exhausted') end
record(5, 'conversations', int(conversations), 'interactions', int(interactions), 'blobs', int(blobs))
return done({conversations + blobs > 0 and 'purge' or ''})
