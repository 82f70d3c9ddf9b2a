#!lua
-- Adds a user. KEYS: 6 user, 7 the tenant's users, 8 the reference. ARGV: 3 id,
-- 4 reference, 5 sealed, 6 version, 7 created, 8 updated, 9 event, 14 event for
-- a full quota.
local answer = enter()
if answer then return answer end
local USER, USERS, REF = KEYS[6], KEYS[7], KEYS[8]
local existing = ARGV[4] ~= '' and redis.call('GET', REF)
if existing then return {'taken', 'user', existing} end
if redis.call('EXISTS', USER) == 1 then return {'exists'} end
local used, limit = numbers(USAGE, 'users'), numbers(TENANT, 'max_users')
if used >= limit then
  if redis.call('HEXISTS', USAGE, 'users_exhausted') == 0 then
    if full(1) then return {'full'} end
    redis.call('HSET', USAGE, 'users_exhausted', 1)
    record(14)
  end
  return {'quota', 'max_users', int(used), int(limit)}
end
if full(1) then return {'full'} end

local position = int(redis.call('HINCRBY', USAGE, 'last_position', 1))
redis.call('HSET', USER, 'ref', ARGV[4], 'sealed', ARGV[5], 'version', ARGV[6], 'created_at', ARGV[7],
  'updated_at', ARGV[8], 'position', position, 'epoch', 0)
redis.call('ZADD', USERS, position, ARGV[3])
if ARGV[4] ~= '' then redis.call('SET', REF, ARGV[3]) end
add(USAGE, 'users', 1)
record(9)
local outcome = redis.call('HGETALL', USER)
table.insert(outcome, 1, ARGV[3])
return done(outcome)
