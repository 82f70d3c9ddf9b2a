#!lua
-- Takes interactions in. ARGV: 5 when, 6 how many, then id, when accepted and
-- sealed bytes of each. This is what Raven does most: each hash is read once
-- and written once.
local answer = enter()
if answer then return answer end
local c = open()
if not c then return {'not_found'} end
if c.closed then return {'closed'} end

local n = tonumber(ARGV[6])
local first, last, u = int(c.next), int(c.next + n - 1), c.user
local outcome = {first, int(c.buffered + n)}
if n == 0 then return done(outcome) end
local of_tenant, tenant_buffered = numbers(USAGE, 'interactions', 'buffered')
local oldest = take(n, 7, c.next, u.position + 1, outcome)
redis.call('ZADD', IDLE, ARGV[5], PLACE)
redis.call('ZADD', OLDEST, 'LT', oldest, PLACE)
redis.call('HSET', CONVERSATION, 'next_number', int(c.next + n), 'interactions', int(c.interactions + n),
  'buffered', int(c.buffered + n))
redis.call('HSET', USER, 'last_position', int(u.position + n), 'interactions', int(u.interactions + n),
  'buffered', int(u.buffered + n), 'memory_version', int(u.version + 1))
redis.call('HSET', USAGE, 'interactions', int(of_tenant + n), 'buffered', int(tenant_buffered + n))
keep_change(CHANGES, u.version + 1, 'appended', CONVERSATION_ID, '', first, last, '')
return done(outcome)
