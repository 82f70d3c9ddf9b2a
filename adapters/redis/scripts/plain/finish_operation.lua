#!lua
-- Replaces what an operation of the deployment had to do by its outcome,
-- ARGV[1].
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL') end
return {'ok'}
