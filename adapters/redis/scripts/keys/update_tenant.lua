#!lua
-- Replaces profile, settings and suspension. KEYS: 6 users with a full quota, 7 data keys,
-- 8 the re-encryption. ARGV: 3 id, 4 profile, 5 to 11 settings, 12 the version
-- it must have, 13 when, 14 since when it is suspended ('' for not), 15 event,
-- from 20 on the addition of a data key, if any.
local answer = enter()
if answer then return answer end
local version = redis.call('HGET', TENANT, 'version')
if version ~= ARGV[12] then return {'conflict'} end
if #ARGV >= 20 and not fits(KEYS[7], 20) then return {'conflict'} end
if full(1 + math.max(#ARGV - 28, 0) / 5) then return {'full'} end

redis.call('HSET', TENANT, 'profile', ARGV[4], 'retention_days', ARGV[5], 'max_users', ARGV[6],
  'max_conversations_per_user', ARGV[7], 'batch_size', ARGV[8], 'encryption_mode', ARGV[9],
  'rate_limit_per_minute', ARGV[10], 'audit_reads', ARGV[11], 'version', int(tonumber(version) + 1), 'updated_at', ARGV[13])
if ARGV[14] == '' then
  redis.call('HDEL', TENANT, 'suspended_at')
else
  redis.call('HSET', TENANT, 'suspended_at', ARGV[14])
end
if numbers(USAGE, 'users') < tonumber(ARGV[6]) then redis.call('HDEL', USAGE, 'users_exhausted') end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', '(' .. ARGV[7])
record(15)
if #ARGV >= 20 then add_data_key(KEYS[7], KEYS[8], 20) end
local outcome = redis.call('HGETALL', TENANT)
table.insert(outcome, 1, ARGV[3])
return done(outcome)
