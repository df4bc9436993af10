-- Shared by the scripts that touch a room's stream; it stands before each of them.
--
-- An entry of the stream holds messages that came at the same time, so that many of them cost one command.
-- Its id is the offset of its last message and when they came; for each message it has a field, whose name
-- is the bytes of all messages before it, and whose value is its text.
--
-- What is past a room's bounds is dropped at some publishes, not at each: whoever reads leaves it out. A
-- stream holds at most an eighth more than its bounds, and one entry.

-- Stands between the parts of a message; no JSON text has such a character.
local UNIT = '\31'

-- How entries are written, to be raised with each change: versions that write otherwise share no epoch.
local FORMAT = ' 3'

-- Milliseconds since 1970 by this server: no node's clock decides on anything.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Names the history of this server's data. Another one begins whenever the server may lack writes
-- that were acknowledged: it was restarted, or it was a replica and was promoted.
local function generation()
  local info = redis.call('INFO', 'replication')
  local _, before = string.find(info, 'master_replid:', 1, true)
  return string.sub(info, before + 1, before + 40) .. FORMAT
end

-- Has a key kept for so many milliseconds, and an eighth more, so that not each publish has to say so.
local function keep(key, ms)
  redis.call('PEXPIRE', key, math.ceil(ms / 8 * 9))
end

-- The room's state. A room that is not known, or comes from another generation, begins a new epoch
-- and holds nothing: a position of the lost tail must never be given out again under the old name.
local function open(meta, stream, candidate, now)
  local current = generation()
  local known = redis.call('HMGET', meta, 'epoch', 'offset', 'bytes', 'ttl', 'generation', 'bounds', 'kept')
  local top, bytes, ttl = tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
  if known[1] and top and bytes and ttl and known[5] == current then
    local kept = tonumber(known[7]) or 0
    return { epoch = known[1], top = top, bytes = bytes, ttl = ttl, bounds = known[6] or '', kept = kept, now = now }
  end
  redis.call('DEL', meta, stream)
  redis.call('HSET', meta, 'epoch', candidate, 'offset', 0, 'bytes', 0, 'ttl', 0, 'generation', current)
  return { epoch = candidate, top = 0, bytes = 0, ttl = 0, bounds = '', kept = 0, now = now }
end

-- Most messages, and most bytes, that a room holds by its bounds; nil if it has none yet.
local function bounds_of(room)
  local size, bytes = string.match(room.bounds, '^(%d+) (%d+)$')
  return tonumber(size), tonumber(bytes)
end

-- An entry's last offset, when it came, and how many messages it has.
local function parse(entry)
  local last, at = string.match(entry[1], '^(%d+)-(%d+)$')
  return tonumber(last), tonumber(at), #entry[2] / 2
end

-- The offset of the oldest message that is within the bounds: no more messages than `size`, no more bytes,
-- none as old as the ttl. One more than the top's if none is.
local function find_oldest(stream, room, size, max_bytes)
  local first = math.max(1, room.top - size + 1)
  local count = 1
  while size > 0 do
    local entries = redis.call('XRANGE', stream, string.format('%.0f', first), '+', 'COUNT', count)
    for _, entry in ipairs(entries) do
      local last, at, messages = parse(entry)
      local offset = math.max(first, last - messages + 1)
      while offset <= last and room.now - at < room.ttl do
        local before = tonumber(entry[2][2 * (offset - last + messages) - 1])
        if room.bytes - before <= max_bytes then return offset end
        offset = offset + 1
      end
      first = last + 1
    end
    if #entries < count then break end
    -- Twice as many: few are past it as a rule, and each comes with its payloads.
    count = math.min(count * 2, 64)
  end
  return room.top + 1
end

-- Drops the entries that have nothing within the bounds. Returns what `find_oldest` does.
local function trim(stream, room, size, max_bytes)
  local oldest = find_oldest(stream, room, size, max_bytes)
  if oldest > room.top then
    redis.call('DEL', stream)
  elseif oldest > 1 then
    redis.call('XTRIM', stream, 'MINID', string.format('%.0f', oldest))
  end
  return oldest
end
