-- Which commands this user may not use of those that nodes send, or their scripts; Redis 7.0 or later,
-- which can say so without doing anything.
--
-- KEYS[1] a key of this application
-- ARGV[1] a channel of this application; ARGV[2] to ARGV[4] the commands for it: to listen to it, to
--   listen no longer, to publish to it
-- Returns their names.

local key, channel = KEYS[1], ARGV[1]
local calls = {
  { 'INFO', 'replication' }, { 'TIME' },
  { 'DEL', key }, { 'EXISTS', key }, { 'PERSIST', key }, { 'PEXPIRE', key, '1' },
  { 'GET', key }, { 'SET', key, '' }, { 'INCR', key }, { 'UNLINK', key },
  { 'HDEL', key, '' }, { 'HGET', key, '' }, { 'HGETALL', key }, { 'HINCRBY', key, '', '1' },
  { 'HLEN', key }, { 'HMGET', key, '' }, { 'HSET', key, '', '' },
  { 'SADD', key, '' }, { 'SREM', key, '' }, { 'SSCAN', key, '0' },
  { 'XADD', key, '*', '', '' }, { 'XRANGE', key, '-', '+' }, { 'XREVRANGE', key, '+', '-' },
  { 'XTRIM', key, 'MAXLEN', '0' },
  { 'ZADD', key, '0', '' }, { 'ZCARD', key }, { 'ZLEXCOUNT', key, '-', '+' }, { 'ZRANGE', key, '0', '0' },
  { 'ZRANGEBYLEX', key, '-', '+' }, { 'ZRANGEBYSCORE', key, '0', '0' }, { 'ZREM', key, '' },
  { 'ZREMRANGEBYSCORE', key, '0', '0' }, { 'ZSCORE', key, '' },
  { ARGV[2], channel }, { ARGV[3], channel }, { ARGV[4], channel, '' },
}

local missing = {}
if not redis.acl_check_cmd then return missing end
for _, call in ipairs(calls) do
  if not redis.acl_check_cmd(unpack(call)) then missing[#missing + 1] = call[1] end
end
return missing
