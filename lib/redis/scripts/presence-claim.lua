-- Goes on removing the records of a dead lease.
--
-- KEYS[1]  reaping, see presence-lease.lua
-- ARGV[1]  the lease
-- ARGV[2]  milliseconds the node has for it from now on
--
-- Returns 1, or 0 if its records are removed already.

if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
return 1
