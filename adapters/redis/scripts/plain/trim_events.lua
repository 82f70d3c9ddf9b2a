#!lua flags=allow-oom
-- Removes events. KEYS: 1 tenant, 2 events, 3 positions. ARGV: 1 the id of the
-- first that stays, '' for none. An outbox that is empty is not there; of a deleted
-- tenant neither is where the sinks were.
if ARGV[1] == '' then
  redis.call('UNLINK', KEYS[2])
else
  redis.call('XTRIM', KEYS[2], 'MINID', ARGV[1])
end
if redis.call('XLEN', KEYS[2]) == 0 then
  redis.call('UNLINK', KEYS[2])
  if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('UNLINK', KEYS[3]) end
end
return {'ok'}
