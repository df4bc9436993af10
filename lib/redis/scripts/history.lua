-- A page of the messages a room holds.
--
-- KEYS[1] hash      the room's meta
-- KEYS[2] stream    the messages the room holds
-- ARGV[1] epoch to begin with, if one has to begin
-- ARGV[2] ms the meta is kept
-- ARGV[3] forwards or backwards
-- ARGV[4] only messages after (forwards) or before (backwards) this offset; empty: from the end
-- ARGV[5] most messages, ARGV[6] most bytes; the first message comes even if it is larger
-- Returns epoch, offset of the top, offset of the oldest message that is held, then offset and text of
--   each message.

-- What a message counts besides its payload, as the publishing node counts it.
local OVERHEAD = 256

local room = open(KEYS[1], KEYS[2], ARGV[1], now_ms())
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local oldest = trim(KEYS[2], room, room.top, math.huge)
local page = { room.epoch, room.top, oldest }
local limit, max_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local is_forwards = ARGV[3] == 'forwards'
local from = tonumber(ARGV[4])
local step = is_forwards and 1 or -1
local next_offset = from and from + step or (is_forwards and 0 or room.top)
if not is_forwards then next_offset = math.min(next_offset, room.top) end
local bytes = 0

local function read(count)
  local id = string.format('%.0f', next_offset)
  if is_forwards then return redis.call('XRANGE', KEYS[2], id, '+', 'COUNT', count) end
  -- Without a second half an id is the last of its offset here.
  return redis.call('XREVRANGE', KEYS[2], id, '-', 'COUNT', count)
end

local is_over = next_offset < 0
while limit > 0 and not is_over do
  local count = math.min(limit, 32)
  local entries = read(count)
  for _, entry in ipairs(entries) do
    local offset = parse(entry)
    local text = entry[2][4]
    local payload = string.find(text, UNIT, 1, true)
    bytes = bytes + OVERHEAD + (payload and #text - payload or 0)
    if bytes > max_bytes and #page > 3 then
      is_over = true
      break
    end
    page[#page + 1] = offset
    page[#page + 1] = text
    next_offset = offset + step
  end
  limit = limit - count
  if #entries < count then is_over = true end
end
return page
