-- Counts a call of one key against its limits, in all of them or in none.
--
-- Each limit is a bucket that fills with what passes and empties with time: GCRA, in the units of
-- RateBucket, of which a cost of 1 is `perMs` and a millisecond takes away `limit`. With the largest
-- numbers that options allow everything is a whole number below 2^53, so nothing is rounded.
--
-- KEYS[1] string  when it was written, in ms since 1970, then the level of each bucket at that time
-- ARGV            for each limit: limit, perMs, burst, cost
--
-- Returns 0 if the call may pass, else the milliseconds until it may.

-- Milliseconds since 1970 by this server: no node's clock decides on anything.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local known = {}
for number in string.gmatch(redis.call('GET', KEYS[1]) or '', '%d+') do
  known[#known + 1] = tonumber(number)
end
local at = known[1] or now
-- A server whose clock was put back must not take time that never was for time that has passed, nor
-- have the key wait until that time comes again.
local elapsed = math.max(0, now - at)

local levels, wait = {}, 0
for i = 1, #ARGV, 4 do
  local n = #levels + 1
  local limit, per_ms, burst = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local level = math.max(0, (known[n + 1] or 0) - elapsed * limit)
  local cost = math.min(tonumber(ARGV[i + 3]), burst) * per_ms
  wait = math.max(wait, math.ceil((level + cost - burst * per_ms) / limit))
  levels[n] = { now = level, after = level + cost, limit = limit }
end
if wait > 0 and now >= at then return wait end

-- Kept until it makes no difference any more.
local state, rest = { string.format('%.0f', now) }, 0
for n, level in ipairs(levels) do
  local value = wait > 0 and level.now or level.after
  state[n + 1] = string.format('%.0f', value)
  rest = math.max(rest, math.ceil(value / level.limit))
end
if rest == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], table.concat(state, ' '), 'PXAT', string.format('%.0f', now + rest))
end
return wait
