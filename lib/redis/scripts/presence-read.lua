-- Who is in a room.
--
-- KEYS[1]  users, KEYS[2] version: see presence-room.lua
-- ARGV[1]  most users that are listed
-- ARGV[2]  1 if the next change is to have the version after this one, else 0
-- ARGV[3]  milliseconds the version of an empty room is remembered
--
-- Returns { version, how many users, and, unless there are more than asked for, user and what is kept
-- of it for each }.

local version = redis.call('GET', KEYS[2])
local total = redis.call('HLEN', KEYS[1])
if ARGV[2] == '1' then
  if not version then
    local time = redis.call('TIME')
    version = string.format('%d%06d', time[1], time[2])
    redis.call('SET', KEYS[2], version)
  end
  if total == 0 then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
end
local reply = { version or '0', total }
if total > tonumber(ARGV[1]) then return reply end
for _, text in ipairs(redis.call('HGETALL', KEYS[1])) do reply[#reply + 1] = text end
return reply
