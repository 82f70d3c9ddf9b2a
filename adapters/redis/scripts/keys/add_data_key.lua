#!lua
-- Adds a data key and puts the index key under it. KEYS: 6 data keys, 7 the
-- re-encryption. ARGV: from 3 on the addition.
local answer = enter()
if answer then return answer end
if not fits(KEYS[6], 3) then return {'conflict'} end
if full((#ARGV - 11) / 5) then return {'full'} end
add_data_key(KEYS[6], KEYS[7], 3)
return done({})
