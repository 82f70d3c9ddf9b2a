#!lua flags=allow-oom
-- Removes what a conversation held before the user's memory was cleared.
if redis.call('EXISTS', TENANT) == 1 then open() end
return {'ok'}
