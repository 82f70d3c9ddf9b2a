#!lua
-- Adds a conversation. KEYS: 6 user, 7 conversation, 8 the user's conversations,
-- 9 their references, 10 users with a full quota. ARGV: 3 user id,
-- 4 conversation id, 5 reference, 6 sealed, 7 version, 8 created, 9 updated,
-- 10 event, 15 event for a full quota.
local answer = enter()
if answer then return answer end
local USER, CONVERSATION, CONVERSATIONS, REFS, EXHAUSTED = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local epoch = redis.call('HGET', USER, 'epoch')
if not epoch then return {'not_found'} end
local existing = ARGV[5] ~= '' and redis.call('HGET', REFS, ARGV[5])
if existing then return {'taken', 'conversation', existing} end
if redis.call('EXISTS', CONVERSATION) == 1 then return {'exists'} end
local used, limit = numbers(USER, 'conversations'), numbers(TENANT, 'max_conversations_per_user')
if used >= limit then
  if not redis.call('ZSCORE', EXHAUSTED, ARGV[3]) then
    if full(1) then return {'full'} end
    redis.call('ZADD', EXHAUSTED, int(used), ARGV[3])
    record(15)
  end
  return {'quota', 'max_conversations_per_user', int(used), int(limit)}
end
if full(1) then return {'full'} end

local position = int(redis.call('HINCRBY', USER, 'last_conversation', 1))
redis.call('HSET', CONVERSATION, 'ref', ARGV[5], 'sealed', ARGV[6], 'version', ARGV[7], 'created_at', ARGV[8],
  'updated_at', ARGV[9], 'position', position, 'next_number', 1, 'epoch', epoch)
redis.call('ZADD', CONVERSATIONS, position, ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', REFS, ARGV[5], ARGV[4]) end
add(USER, 'conversations', 1)
add(USAGE, 'conversations', 1)
record(10)
local outcome = redis.call('HGETALL', CONVERSATION)
table.insert(outcome, 1, ARGV[4])
return done(outcome)
