#!lua flags=allow-oom
-- Forgets operations that are past. KEYS: 1 operations by expiry, then one of
-- each. ARGV: 1 now, then their members in KEYS[1], in the same order.
for i = 2, #KEYS do
  local expiry = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if expiry and tonumber(expiry) < tonumber(ARGV[1]) then
    redis.call('UNLINK', KEYS[i])
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return {'ok'}
