-- Claims an operation of a client.
--
-- KEYS     see reply-window.lua
-- ARGV[1]  the operation
-- ARGV[2]  token of the run that is begun if it was not before
-- ARGV[3]  milliseconds an operation is remembered
-- ARGV[4]  operations that are remembered of a client
--
-- Returns { 'first' } or, where it was begun before, { 'running', token, milliseconds since then },
-- { 'ended', reply } or { 'omitted' }.

local operation, token, windowMs = ARGV[1], ARGV[2], tonumber(ARGV[3])
local entry = redis.call('HGET', KEYS[1], operation)
local notedAt = tonumber(redis.call('ZSCORE', KEYS[2], operation) or 0)
-- A claim that is sent again because its answer was lost is still the first.
if entry and now - notedAt < windowMs and not isRunOf(entry, token) then
  local kind = string.sub(entry, 1, 1)
  if kind == 'r' then return { 'ended', string.sub(entry, 3) } end
  if kind == 'o' then return { 'omitted' } end
  local other, since = string.match(entry, '^p:([^:]+):(%d+)$')
  return { 'running', other, now - since }
end
if entry then forget(operation) end
note(operation, runOf(token) .. nowText, windowMs, tonumber(ARGV[4]))
return { 'first' }
