#!lua flags=allow-oom
-- Deletes a key that has the value ARGV[1]. Answers 1 if it had.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'ok', ''} end
redis.call('DEL', KEYS[1])
return {'ok', '1'}
