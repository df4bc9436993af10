-- Keeps a dead lease from changing a room any more.
--
-- KEYS[1]  dead, see presence-room.lua
-- ARGV[1]  the lease
-- ARGV[2]  milliseconds this is remembered
--
-- Returns 1.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
