#!lua
-- Replaces profile and settings. KEYS: 6 users with a full quota, 7 data keys,
-- 8 the re-encryption. ARGV: 3 id, 4 profile, 5 to 10 settings, 11 the version
-- it must have, 12 when, 13 event, from 18 on the addition of a data key, if any.
local answer = enter()
if answer then return answer end
local version = redis.call('HGET', TENANT, 'version')
if version ~= ARGV[11] then return {'conflict'} end
if #ARGV >= 18 and not fits(KEYS[7], 18) then return {'conflict'} end
if full(1 + math.max(#ARGV - 26, 0) / 5) then return {'full'} end

redis.call('HSET', TENANT, 'profile', ARGV[4], 'retention_days', ARGV[5], 'max_users', ARGV[6],
  'max_conversations_per_user', ARGV[7], 'batch_size', ARGV[8], 'encryption_mode', ARGV[9],
  'rate_limit_per_minute', ARGV[10], 'version', int(tonumber(version) + 1), 'updated_at', ARGV[12])
if numbers(USAGE, 'users') < tonumber(ARGV[6]) then redis.call('HDEL', USAGE, 'users_exhausted') end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', '(' .. ARGV[7])
record(13)
if #ARGV >= 18 then add_data_key(KEYS[7], KEYS[8], 18) end
local outcome = redis.call('HGETALL', TENANT)
table.insert(outcome, 1, ARGV[3])
return done(outcome)
