#!lua
-- Replaces profile and settings. KEYS[6]: users with a full quota. ARGV: 3 id,
-- 4 profile, 5 to 10 settings, 11 the version it must have, 12 when, 13 event.
local answer = enter()
if answer then return answer end
local version = redis.call('HGET', TENANT, 'version')
if version ~= ARGV[11] then return {'conflict'} end

redis.call('HSET', TENANT, 'profile', ARGV[4], 'retention_days', ARGV[5], 'max_users', ARGV[6],
  'max_conversations_per_user', ARGV[7], 'batch_size', ARGV[8], 'encryption_mode', ARGV[9],
  'rate_limit_per_minute', ARGV[10], 'version', int(tonumber(version) + 1), 'updated_at', ARGV[12])
if numbers(USAGE, 'users') < tonumber(ARGV[6]) then redis.call('HDEL', USAGE, 'users_exhausted') end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', '(' .. ARGV[7])
record(13)
local outcome = redis.call('HGETALL', TENANT)
table.insert(outcome, 1, ARGV[3])
return done(outcome)
