#!lua
-- Adds fields to a hash that are not there. ARGV: fields and values.
for i = 1, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
return {'ok'}
