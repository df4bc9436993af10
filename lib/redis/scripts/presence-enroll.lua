-- Notes rooms in which a lease is going to have records, so that they are found when it is over.
--
-- KEYS[1]  leases, see presence-lease.lua
-- KEYS[2]  set: rooms of the lease
-- ARGV[1]  the lease
-- ARGV[2]  number of rooms; then their names
--
-- Returns the time, ms; -1 if the lease is over.

if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return -1 end
for index = 3, 2 + tonumber(ARGV[2]) do redis.call('SADD', KEYS[2], ARGV[index]) end
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
