-- Notes that a node lives, by this server's clock, and tells which do.
--
-- KEYS[1] sorted set  nodes, by the time their leases are over
-- ARGV[1] the node; ARGV[2] ms of its lease, 0 to take it away
-- Returns the names of the nodes that live.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[2])
if lease > 0 then
  redis.call('ZADD', KEYS[1], now + lease, ARGV[1])
  -- Else the set of an application that is no more would stay for ever.
  redis.call('PEXPIRE', KEYS[1], lease * 10)
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
