#!lua
-- Records events. ARGV: from 3 on the events.
local answer = enter()
if answer then return answer end
if full((#ARGV - 2) / 5) then return {'full'} end
for i = 3, #ARGV, 5 do record(i) end
return done({})
