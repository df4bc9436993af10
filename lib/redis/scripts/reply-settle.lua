-- Remembers how an operation ended, and tells those who wait for it.
--
-- KEYS     see reply-window.lua
-- ARGV[1]  the operation
-- ARGV[2]  token of the run that has ended
-- ARGV[3]  milliseconds an operation is remembered
-- ARGV[4]  operations that are remembered of a client
-- ARGV[5]  bytes of all kept replies of a client
-- ARGV[6]  the reply, JSON text; '' for one that is too large to be kept
-- ARGV[7]  command to publish with
-- ARGV[8]  channel of the client
--
-- Returns 1; 0 if it has ended before, or is another's by now.

local operation, token, reply = ARGV[1], ARGV[2], ARGV[6]
local entry = redis.call('HGET', KEYS[1], operation)
-- Forgotten meanwhile, and begun by nobody since: what is known of it is this.
if entry and not isRunOf(entry, token) then return 0 end
if reply ~= '' then
  redis.call('ZADD', KEYS[3], nowText, operation)
  redis.call('HINCRBY', KEYS[1], 'bytes', #reply)
end
note(operation, reply == '' and 'o' or 'r:' .. reply, tonumber(ARGV[3]), tonumber(ARGV[4]))
local told = reply == '' and '{"isOmitted":true}' or reply
redis.call(ARGV[7], ARGV[8], '{"operation":' .. operation .. ',"token":"' .. token .. '","reply":' .. told .. '}')
while tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0) > tonumber(ARGV[5]) do
  local oldest = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  if not oldest then break end
  release(oldest, redis.call('HGET', KEYS[1], oldest) or 'o:')
  redis.call('HSET', KEYS[1], oldest, 'o')
end
return 1
