-- Shared by the scripts that touch a room's stream; it stands before each of them.

-- Stands between the parts of a message; no JSON text has such a character.
local UNIT = '\31'

-- Milliseconds since 1970 by this server: no node's clock decides on anything.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Names the history of this server's data. Another one begins whenever the server may lack writes
-- that were acknowledged: it was restarted, or it was a replica and was promoted.
local function generation()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end

-- The room's state. A room that is not known, or comes from another generation, begins a new epoch
-- and holds nothing: a position of the lost tail must never be given out again under the old name.
local function open(meta, stream, candidate, now)
  local current = generation()
  local known = redis.call('HMGET', meta, 'epoch', 'offset', 'bytes', 'ttl', 'generation')
  local top, bytes, ttl = tonumber(known[2]), tonumber(known[3]), tonumber(known[4])
  if known[1] and top and bytes and ttl and known[5] == current then
    return { epoch = known[1], top = top, bytes = bytes, ttl = ttl, now = now }
  end
  redis.call('DEL', meta, stream)
  redis.call('HSET', meta, 'epoch', candidate, 'offset', 0, 'bytes', 0, 'ttl', 0, 'generation', current)
  return { epoch = candidate, top = 0, bytes = 0, ttl = 0, now = now }
end

-- An entry's id is its offset and when it came; `before` counts the bytes of all entries before it.
local function parse(entry)
  local offset, at = string.match(entry[1], '^(%d+)-(%d+)$')
  return tonumber(offset), tonumber(at), tonumber(entry[2][2])
end

-- Drops what is past a bound, oldest first: more messages than `size`, more bytes, older than `ttl`.
-- Gives the offset of the oldest message that is held; one more than the top's if none is.
local function trim(stream, room, size, max_bytes)
  local first = math.max(1, room.top - size + 1)
  local count = 1
  local oldest = room.top + 1
  while size > 0 do
    local entries = redis.call('XRANGE', stream, first, '+', 'COUNT', count)
    for _, entry in ipairs(entries) do
      local offset, at, before = parse(entry)
      if room.bytes - before <= max_bytes and room.now - at < room.ttl then
        oldest = offset
        break
      end
      first = offset + 1
    end
    if oldest <= room.top or #entries < count then break end
    -- Twice as many: few are past it as a rule, and each comes with its payload.
    count = math.min(count * 2, 64)
  end
  if oldest > room.top then
    redis.call('DEL', stream)
  elseif oldest > 1 then
    redis.call('XTRIM', stream, 'MINID', oldest)
  end
  return oldest
end
