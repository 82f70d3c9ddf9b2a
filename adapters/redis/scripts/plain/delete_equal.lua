#!lua flags=allow-oom
-- Deletes a key that has the value ARGV[1].
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
