#!lua flags=allow-oom
-- Makes a tenant unreadable and destroys its data keys. KEYS: 6 data keys,
-- 7 the re-encryption, 8 what is to be purged. ARGV: 3 event, 8 the
-- webhook to tell of it, '' for none.
local kept = replay()
if kept then return kept end
local email = redis.call('HGET', TENANT, 'email')
if not email then return {'not_found'} end
if full(1) then return {'full'} end

if ARGV[8] ~= '' then record(3, 'webhook', ARGV[8]) else record(3) end
redis.call('SADD', KEYS[8], 'tenant', 'email/' .. email)
if UNTIL ~= '' then redis.call('SADD', KEYS[8], 'operation/' .. OP_NAME) end
redis.call('UNLINK', TENANT)
redis.call('DEL', KEYS[6], KEYS[7])
return done({email})
