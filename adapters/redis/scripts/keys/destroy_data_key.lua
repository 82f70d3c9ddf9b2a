#!lua flags=allow-oom
-- Removes a data key, not the index key nor the newest. KEYS[6]: data keys.
-- ARGV: 3 version.
local answer = enter()
if answer then return answer end
local version = tonumber(ARGV[3])
if version == 0 or version == newest(KEYS[6]) then return {'conflict'} end
return done({int(redis.call('HDEL', KEYS[6], ARGV[3]))})
