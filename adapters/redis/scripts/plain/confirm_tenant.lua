#!lua
-- Notes that the index entries of a tenant are confirmed.
redis.call('HDEL', KEYS[1], 'unconfirmed')
return {'ok'}
