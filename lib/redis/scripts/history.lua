-- A page of the messages a room holds.
--
-- KEYS[1] hash      the room's meta
-- KEYS[2] stream    the messages the room holds
-- ARGV[1] epoch to begin with, if one has to begin
-- ARGV[2] ms the meta is kept
-- ARGV[3] forwards or backwards
-- ARGV[4] only messages after (forwards) or before (backwards) this offset; empty: from the end
-- ARGV[5] most messages, ARGV[6] most bytes; the first message comes even if it is larger
-- Returns epoch, offset of the top, offset of the oldest message that is held, then offset of each
--   message, and its text behind the mark that it was published with.

-- What a message counts besides its payload, as the publishing node counts it.
local OVERHEAD = 256

local room = open(KEYS[1], KEYS[2], ARGV[1], now_ms())
keep(KEYS[1], ARGV[2])
local size, most_bytes = bounds_of(room)
local oldest = trim(KEYS[2], room, size or 0, most_bytes or 0)
local page = { room.epoch, room.top, oldest }
local limit, max_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local is_forwards = ARGV[3] == 'forwards'
local from = tonumber(ARGV[4])
local next_offset = from and from + (is_forwards and 1 or -1) or (is_forwards and 0 or room.top)
next_offset = is_forwards and math.max(next_offset, oldest) or math.min(next_offset, room.top)
local bytes = 0

-- Adds a message. Returns whether there is room for it, and for another.
local function add(offset, text)
  local payload = string.find(text, UNIT, 1, true)
  bytes = bytes + OVERHEAD + (payload and #text - payload or 0)
  if bytes > max_bytes and #page > 3 then return false end
  page[#page + 1] = offset
  page[#page + 1] = text
  limit = limit - 1
  return limit > 0
end

-- Adds what an entry has, in the direction that is asked for. Returns whether there is room for more.
local function add_all(entry)
  local last, _, messages = parse(entry)
  local first = last - messages + 1
  local from_offset, to, step = math.max(first, next_offset), last, 1
  if not is_forwards then
    from_offset, to, step = math.min(last, next_offset), math.max(first, oldest), -1
  end
  for offset = from_offset, to, step do
    if not add(offset, entry[2][2 * (offset - first + 1)]) then return false end
  end
  next_offset = to + step
  return true
end

local function read(is_first, count)
  local id = string.format('%.0f', next_offset)
  -- Without a second half an id is the first of its offset here; the entry that has it ends with it or later.
  if is_forwards or is_first then return redis.call('XRANGE', KEYS[2], id, '+', 'COUNT', count) end
  -- Here it is the last of its offset, with which the entry before ends.
  return redis.call('XREVRANGE', KEYS[2], id, '-', 'COUNT', count)
end

local has_room = limit > 0
local is_first, count = true, 1
while has_room and next_offset >= oldest and next_offset <= room.top do
  local entries = read(is_first, count)
  if #entries == 0 then break end
  local messages
  for _, entry in ipairs(entries) do
    messages = #entry[2] / 2
    has_room = add_all(entry)
    if not has_room then break end
  end
  -- As many as there is room for, if they are like the last one.
  is_first, count = false, math.min(math.ceil(limit / messages), 32)
end
return page
