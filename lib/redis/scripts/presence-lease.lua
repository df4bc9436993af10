-- A node's sign of life.
--
-- KEYS[1] leases   sorted set: leases by the time they are over (ms)
-- KEYS[2] reaping  sorted set: leases that are over, by the time another node may take them up (ms)
-- KEYS[3] book     string: names this store's memory; another one, or none, means that it was lost
-- ARGV[1]  'enter' for a new lease, 'renew', or 'close' for one that nobody renews any more
-- ARGV[2]  the lease
-- ARGV[3]  milliseconds until it is over
-- ARGV[4]  milliseconds a node has for the records of a lease that is over; 0: it takes none up
-- ARGV[5]  name of the book, if there is none
--
-- A lease that was over itself at the renewal takes none up: its node, or the store, was away, and so
-- may others have been, who get the time for a sign of life.
--
-- Returns { 1 if the lease holds, else 0; the book; a lease whose records the node has to remove, or '';
-- milliseconds until the next lease is over, or -1 }.

local action, lease = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function after(ms) return string.format('%.0f', now + ms) end

local deadline = redis.call('ZSCORE', KEYS[1], lease)
if action == 'enter' then redis.call('SET', KEYS[3], ARGV[5], 'NX')
elseif not deadline then return { 0, redis.call('GET', KEYS[3]) or '', '', -1 } end
redis.call('ZADD', KEYS[1], after(ARGV[3]), lease)
local book = redis.call('GET', KEYS[3]) or ''
if action ~= 'renew' or tonumber(deadline) <= now then return { 1, book, '', -1 } end

-- From here on they cannot be renewed: what is over stays over.
for _, over in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', KEYS[1], over)
  redis.call('ZADD', KEYS[2], 0, over)
end
local taken = ''
if tonumber(ARGV[4]) > 0 then
  taken = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1)[1] or ''
  if taken ~= '' then redis.call('ZADD', KEYS[2], after(ARGV[4]), taken) end
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { 1, book, taken, tonumber(first[2]) - now }
