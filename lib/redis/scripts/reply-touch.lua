-- Keeps an operation from being forgotten while it runs.
--
-- KEYS     see reply-window.lua
-- ARGV[1]  the operation
-- ARGV[2]  token of its run
-- ARGV[3]  milliseconds an operation is remembered
-- ARGV[4]  operations that are remembered of a client
--
-- Returns 1; 0 if it has ended, or is forgotten.

local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not isRunOf(entry, ARGV[2]) then return 0 end
note(ARGV[1], entry, tonumber(ARGV[3]), tonumber(ARGV[4]))
return 1
