#!lua
-- Adds a tenant. KEYS: 6 data keys, 7 API keys. ARGV: 3 id, 4 email, 5 profile,
-- 6 to 12 settings, 13 version, 14 created, 15 updated, 16 the first API key's
-- id and 17 its record, 18 how many data keys, version and record of each, then
-- the events.
local kept = replay()
if kept then return kept end
-- The events of a tenant that was deleted stay, and with them its id.
if redis.call('EXISTS', TENANT, EVENTS) > 0 then return {'exists'} end
local events = 19 + 2 * tonumber(ARGV[18])
if full((#ARGV + 1 - events) / 5) then return {'full'} end

redis.call('HSET', TENANT, 'email', ARGV[4], 'profile', ARGV[5], 'retention_days', ARGV[6], 'max_users', ARGV[7],
  'max_conversations_per_user', ARGV[8], 'batch_size', ARGV[9], 'encryption_mode', ARGV[10],
  'rate_limit_per_minute', ARGV[11], 'audit_reads', ARGV[12], 'version', ARGV[13], 'created_at', ARGV[14], 'updated_at', ARGV[15],
  'unconfirmed', 1)
add_key(KEYS[7], ARGV[16], ARGV[17])
for i = 19, events - 1, 2 do redis.call('HSET', KEYS[6], ARGV[i], ARGV[i + 1]) end
for i = events, #ARGV, 5 do record(i) end
local outcome = redis.call('HGETALL', TENANT)
table.insert(outcome, 1, ARGV[3])
return done(outcome)
