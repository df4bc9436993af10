-- Removes what a dead lease has in a room: some users' records a call.
--
-- KEYS     see presence-room.lua
-- ARGV[1]  the lease
-- ARGV[2]  most users a call
-- ARGV[3]  command to publish with
-- ARGV[4]  channel of the room's presence
--
-- Returns how many users of whom the lease has records are left.

local lease = ARGV[1]
local first, last = '[' .. lease .. ' ', '(' .. lease .. '!'
for _, owned in ipairs(redis.call('ZRANGEBYLEX', KEYS[3], first, last, 'LIMIT', 0, ARGV[2])) do
  local user = string.sub(owned, #lease + 2)
  local since, before = load(user)
  local records = {}
  for _, record in ipairs(before) do
    if record[4] ~= lease then records[#records + 1] = record end
  end
  -- Else the user is not there, or not by this lease: somebody else has written here.
  if #records < #before then replace(user, since, before, records)
  else redis.call('ZREM', KEYS[3], owned) end
end
publish(ARGV[3], ARGV[4])
return held(lease)
