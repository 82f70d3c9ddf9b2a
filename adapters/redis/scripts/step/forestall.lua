#!lua
-- Keeps the operation from making its tenant from now on, unless the tenant was
-- made. Answers 1 if it was. What is kept for that is on no list, because there is
-- no tenant to forget it with; it expires.
if redis.call('EXISTS', TENANT, EVENTS) > 0 then return {'ok', '1'} end
redis.call('SET', OP, cmsgpack.pack({'overtaken'}), 'PXAT', UNTIL)
return {'ok', ''}
