-- What the scripts share that remember how a client's operations ended; put before their text, no
-- script of its own.
--
-- KEYS[1] replies  hash: operation -> 'p:' token of the run that was begun ':' when (ms)
--                                  or 'r:' reply (JSON text), or 'o' for a reply that is not kept;
--                  and the field 'bytes': of all kept replies together
-- KEYS[2] order    sorted set: operations by when they were begun, ended, or known to run (ms)
-- KEYS[3] kept     sorted set: operations whose replies are kept, by when they ended (ms)
--
-- Operations are JSON texts: none of them is called bytes.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nowText = string.format('%.0f', now)

-- What a run that was begun by this token is kept as, up to the time.
local function runOf(token) return 'p:' .. token .. ':' end

local function isRunOf(entry, token)
  local run = runOf(token)
  return entry and string.sub(entry, 1, #run) == run
end

local function release(operation, entry)
  if redis.call('ZREM', KEYS[3], operation) == 0 then return end
  redis.call('HINCRBY', KEYS[1], 'bytes', 2 - #entry)
end

local function forget(operation)
  local entry = redis.call('HGET', KEYS[1], operation)
  if entry then release(operation, entry) end
  redis.call('HDEL', KEYS[1], operation)
  redis.call('ZREM', KEYS[2], operation)
end

-- Forgets what is past the time, and beyond the number: some of it a call, more than a call adds.
local function trim(windowMs, most)
  local over = string.format('%.0f', now - windowMs)
  for _, operation in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', over, 'LIMIT', 0, 50)) do
    forget(operation)
  end
  local surplus = math.min(redis.call('ZCARD', KEYS[2]) - most, 50)
  if surplus <= 0 then return end
  for _, operation in ipairs(redis.call('ZRANGE', KEYS[2], 0, surplus - 1)) do forget(operation) end
end

-- Notes an operation, and that its client was heard of.
local function note(operation, entry, windowMs, most)
  redis.call('HSET', KEYS[1], operation, entry)
  redis.call('ZADD', KEYS[2], nowText, operation)
  trim(windowMs, most)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, string.format('%.0f', windowMs + 1000)) end
end
