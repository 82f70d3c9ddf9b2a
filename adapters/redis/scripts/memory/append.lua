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
local outcome = {int(c.next), int(c.buffered + n)}
if n == 0 then return done(outcome) end
local interactions = numbers(CONVERSATION, 'interactions')
local position, of_user, user_buffered = numbers(USER, 'last_position', 'interactions', 'buffered')
local of_tenant, tenant_buffered = numbers(USAGE, 'interactions', 'buffered')
local oldest
for i = 1, n do
  local id, accepted, sealed = ARGV[4 + 3 * i], ARGV[5 + 3 * i], ARGV[6 + 3 * i]
  local number = int(c.next + i - 1)
  redis.call('XADD', BUFFER, number .. '-0', 'id', id, 'position', int(position + i),
    'accepted_at', accepted, 'sealed', sealed)
  redis.call('ZADD', BUFFERED, int(position + i), CONVERSATION_ID .. '/' .. number)
  if not oldest or tonumber(accepted) < oldest then oldest = tonumber(accepted) end
  outcome[#outcome + 1] = id
end
redis.call('ZADD', IDLE, ARGV[5], PLACE)
redis.call('ZADD', OLDEST, 'LT', int(oldest), PLACE)
redis.call('HSET', CONVERSATION, 'next_number', int(c.next + n), 'interactions', int(interactions + n),
  'buffered', int(c.buffered + n))
redis.call('HSET', USER, 'last_position', int(position + n), 'interactions', int(of_user + n),
  'buffered', int(user_buffered + n))
redis.call('HSET', USAGE, 'interactions', int(of_tenant + n), 'buffered', int(tenant_buffered + n))
tell('appended', '', int(c.next), int(c.next + n - 1), '')
return done(outcome)
