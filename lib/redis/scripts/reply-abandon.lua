-- Forgets that an operation was begun, and tells those who wait for it.
--
-- KEYS     see reply-window.lua
-- ARGV[1]  the operation
-- ARGV[2]  token of the run that is given up
-- ARGV[3]  command to publish with
-- ARGV[4]  channel of the client
--
-- Returns 1; 0 if it has ended, or is another's by now.

local operation, token = ARGV[1], ARGV[2]
if not isRunOf(redis.call('HGET', KEYS[1], operation), token) then return 0 end
forget(operation)
redis.call(ARGV[3], ARGV[4], '{"operation":' .. operation .. ',"token":"' .. token .. '"}')
return 1
