#!lua
-- Keeps how far the re-encryption has come. KEYS[6]: where. ARGV: from 3 on
-- the progress.
local answer = enter()
if answer then return answer end
set_progress(KEYS[6], 3)
return done({})
