-- What the scripts share that change who is in a room; put before their text, no script of its own.
--
-- KEYS[1] users    hash: user -> when it came, and its records in the order in which they were put
-- KEYS[2] version  string: the version of the room's last change
-- KEYS[3] owners   sorted set, all scores 0: "lease user" for each user a lease has records of
-- KEYS[4] dead     sorted set: leases whose records are being removed, by when that began (ms)
--
-- Users, clients, connections and entries are JSON texts, made by the node: they are put together
-- here, never parsed. A record is { client, connection, entry, lease }.

local DAY_MS = 86400000

local changes = {}

-- The first version of a room is the time in microseconds: a room that was forgotten, or lost with the
-- store, goes on above every version it had, and whoever watches sees a jump.
local function nextVersion()
  if redis.call('EXISTS', KEYS[2]) == 0 then
    local time = redis.call('TIME')
    redis.call('SET', KEYS[2], string.format('%d%06d', time[1], time[2]))
  end
  return string.format('%.0f', redis.call('INCR', KEYS[2]))
end

-- A user as everyone sees it: of each client the newest record, in the place of its first.
local function shown(user, records)
  local places, entries = {}, {}
  for _, record in ipairs(records) do
    local place = places[record[1]] or #entries + 1
    places[record[1]] = place
    entries[place] = record[3]
  end
  return '{"userId":' .. user .. ',"connections":[' .. table.concat(entries, ',') .. ']}'
end

local function load(user)
  local text = redis.call('HGET', KEYS[1], user)
  if not text then return nil, {} end
  local stored = cjson.decode(text)
  return stored.since, stored.records
end

local function leasesOf(records)
  local leases = {}
  for _, record in ipairs(records) do leases[record[4]] = true end
  return leases
end

-- Puts a user's records in the place of those it had, and notes the change if one is seen.
local function replace(user, since, before, records)
  local old, new = leasesOf(before), leasesOf(records)
  for lease in pairs(old) do
    if not new[lease] then redis.call('ZREM', KEYS[3], lease .. ' ' .. user) end
  end
  for lease in pairs(new) do
    if not old[lease] then redis.call('ZADD', KEYS[3], 0, lease .. ' ' .. user) end
  end
  local member = #records > 0 and shown(user, records) or nil
  local isSame = member and #before > 0 and member == shown(user, before)
  local version = isSame and since or nextVersion()
  if member then
    local stored = { since = since or version, records = records }
    redis.call('HSET', KEYS[1], user, cjson.encode(stored))
  else
    redis.call('HDEL', KEYS[1], user)
  end
  if isSame then return end
  changes[#changes + 1] = '{"version":' .. version
    .. ',"total":' .. redis.call('HLEN', KEYS[1])
    .. ',"userId":' .. user
    .. ',"hasJoined":' .. tostring(since == nil)
    .. (member and ',"member":' .. member or '') .. '}'
end

-- Tells the watchers of all changes by one message.
local function publish(command, channel)
  if #changes == 0 then return end
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('PERSIST', KEYS[2])
  else redis.call('PEXPIRE', KEYS[2], DAY_MS) end
  redis.call(command, channel, '[' .. table.concat(changes, ',') .. ']')
end

-- How many users of the room a lease has records of.
local function held(lease)
  return redis.call('ZLEXCOUNT', KEYS[3], '[' .. lease .. ' ', '(' .. lease .. '!')
end
