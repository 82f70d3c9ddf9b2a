#!lua
-- Adds a tenant. KEYS: 6 data keys, 7 API keys. ARGV: 3 id, 4 email, 5 profile,
-- 6 to 11 settings, 12 version, 13 created, 14 updated, 15 the first API key's
-- id and 16 its record, 17 how many data keys, version and record of each, then
-- the events.
local kept = replay()
if kept then return kept end
-- The events of a tenant that was deleted stay, and with them its id.
if redis.call('EXISTS', TENANT, EVENTS) > 0 then return {'exists'} end
local events = 18 + 2 * tonumber(ARGV[17])
if full((#ARGV + 1 - events) / 5) then return {'full'} end

redis.call('HSET', TENANT, 'email', ARGV[4], 'profile', ARGV[5], 'retention_days', ARGV[6], 'max_users', ARGV[7],
  'max_conversations_per_user', ARGV[8], 'batch_size', ARGV[9], 'encryption_mode', ARGV[10],
  'rate_limit_per_minute', ARGV[11], 'version', ARGV[12], 'created_at', ARGV[13], 'updated_at', ARGV[14],
  'unconfirmed', 1)
add_key(KEYS[7], ARGV[15], ARGV[16])
for i = 18, events - 1, 2 do redis.call('HSET', KEYS[6], ARGV[i], ARGV[i + 1]) end
for i = events, #ARGV, 5 do record(i) end
local outcome = redis.call('HGETALL', TENANT)
table.insert(outcome, 1, ARGV[3])
return done(outcome)
