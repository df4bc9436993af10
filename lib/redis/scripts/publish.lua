-- Puts a batch of messages of one node into a room: gives them positions, holds them, and publishes
-- them as one message of the room's channel. A batch that comes again, because its answer was lost
-- with the connection, takes effect once.
--
-- Each command that a script runs costs Redis about as much as a message does: where there is one for all
-- of a batch, there is none for each message.
--
-- KEYS[1] hash      the room's meta
-- KEYS[2] stream    the messages the room holds
-- KEYS[3] string    the last batch of this node: number, epoch, offset before it
-- KEYS[4..] hashes  the operations of clients, two of each; see `repeats.lua`
-- ARGV[1] channel of the room
-- ARGV[2] PUBLISH or SPUBLISH
-- ARGV[3] epoch to begin with, if one has to begin
-- ARGV[4] ms the meta is kept
-- ARGV[5] number of the batch, rising; ARGV[6] ms it is remembered
-- ARGV[7] ms operations are remembered; ARGV[8] how many of one client
-- ARGV[9] most messages, ARGV[10] ms, ARGV[11] most bytes that are held
-- ARGV[12] 1 if these three count only in a room that has no bounds of its own yet
-- ARGV[13] how many messages; then two for each: bytes it counts, and its text behind a mark, + for one
--   that gets a position, - for a volatile one
-- The rest: operations of clients, see `repeats.lua`
-- Returns the epoch and the offset before the batch: messages have those that follow, in their order. Then
--   for each message that repeats an operation and has none: its number in the batch, and the receipt of
--   the first publish: epoch, offset and name with UNIT between; 0 for the offset if that was volatile.

-- Most messages, and bytes, of one entry of the stream: who reads one message reads its entry.
local MOST_MESSAGES, MOST_BYTES = 32, 65536

local now = now_ms()
local room = open(KEYS[1], KEYS[2], ARGV[3], now)

local epoch, before = room.epoch, room.top
local batch = ARGV[5] .. ' ' .. epoch .. ' ' .. string.format('%.0f', before)
local sent = redis.call('SET', KEYS[3], batch, 'PX', ARGV[6], 'GET')
local is_repeated = sent and string.find(sent, ARGV[5] .. ' ', 1, true) == 1
if is_repeated then
  epoch, before = string.match(sent, ' (%S+) (%d+)$')
  before = tonumber(before)
  -- Written again: whoever waits for replicas waits for the last write.
  redis.call('SET', KEYS[3], sent, 'PX', ARGV[6])
end

local size, ttl, max_bytes = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
if ARGV[12] == '1' and room.bounds ~= '' then
  size, max_bytes = bounds_of(room)
  ttl = room.ttl
end
local holds_any = size > 0 and ttl > 0 and max_bytes > 0
local bounds = string.format('%.0f %.0f', size, max_bytes)
local has_new_bounds = bounds ~= room.bounds or ttl ~= room.ttl

local messages = tonumber(ARGV[13])
local repeats = {
  now = now, window = tonumber(ARGV[7]), per_client = tonumber(ARGV[8]), epoch = epoch, before = before,
  receipts = {}, deltas = {}, names = {}, shifts = {},
}
local clients = recall_clients(repeats, 14 + 2 * messages)
local receipts = repeats.receipts

-- Whether this batch itself was kept as what a message's operation began with: it comes again.
local function is_own(index, shift)
  local delta = repeats.deltas[index]
  local offset = delta == 0 and '0' or string.format('%.0f', before - shift + delta)
  return is_repeated and receipts[index] == epoch .. UNIT .. offset .. UNIT .. repeats.names[index]
end

local top, bytes_before = before, room.bytes
-- What is handed to XADD: key, how, and id, then a field for each message.
local entry, entry_bytes = { KEYS[2], 'NOMKSTREAM', '' }, 0

local function add_entry()
  if #entry == 3 then return end
  entry[3] = string.format('%.0f-%.0f', top, now)
  local reply = redis.pcall('XADD', unpack(entry))
  local failed = reply and reply.err
  if failed or not reply then
    -- Somebody else has written to it: what it held is nothing that could be given out.
    local is_foreign = failed
      and (string.find(failed, 'equal or smaller', 1, true) or string.find(failed, 'WRONGTYPE', 1, true))
    -- Any other error ends the script here: then nothing may say that the batch has taken effect.
    if failed then redis.call('DEL', is_foreign and KEYS[2] or KEYS[3]) end
    table.remove(entry, 2)
    redis.call('XADD', unpack(entry))
    -- It expires only if that is said of it.
    room.kept = 0
  end
  entry, entry_bytes = { KEYS[2], 'NOMKSTREAM', '' }, 0
end

local function append(text, bytes)
  -- Else what one bound has let go could come back by a wider one.
  if top == before and has_new_bounds and room.bounds ~= '' then trim(KEYS[2], room, bounds_of(room)) end
  top = top + 1
  if holds_any then
    entry[#entry + 1] = room.bytes
    entry[#entry + 1] = text
    entry_bytes = entry_bytes + bytes
  end
  room.bytes = room.bytes + bytes
  if #entry >= 3 + 2 * MOST_MESSAGES or entry_bytes >= MOST_BYTES then add_entry() end
end

local results = { epoch, before }
local live = { epoch .. UNIT .. string.format('%.0f', before) }
local shift = 0
for index = 1, messages do
  local text = ARGV[13 + 2 * index]
  local is_volatile = string.byte(text) == 45
  local receipt = receipts[index]
  if shift > 0 then repeats.shifts[index] = shift end
  if receipt and not is_own(index, shift) then
    results[#results + 1] = index
    results[#results + 1] = receipt
    if not is_volatile then shift = shift + 1 end
  elseif is_repeated then
    if not is_volatile then top = top + 1 end
  else
    live[#live + 1] = text
    if not is_volatile then append(text, tonumber(ARGV[12 + 2 * index])) end
  end
end
if is_repeated then
  -- It may have begun an epoch.
  keep(KEYS[1], ARGV[4])
  return results
end
add_entry()
for _, client in pairs(clients) do write_client(repeats, client) end

-- Whether a number has come past a multiple of the step.
local function passes(was, is, step)
  return math.floor(is / step) > math.floor(was / step)
end

local known = {}
local function note(field, value)
  known[#known + 1] = field
  known[#known + 1] = value
end

-- Not at each publish: what is kept is kept an eighth longer than it has to be.
local renews_after = ARGV[4] / 8
if top > before then
  note('offset', top)
  note('bytes', room.bytes)
  if has_new_bounds then
    note('bounds', bounds)
    note('ttl', ttl)
  end
  local is_past = passes(before, top, math.floor(size / 8) + 1)
    or passes(bytes_before, room.bytes, math.floor(max_bytes / 8) + 1)
  room.top, room.ttl = top, ttl
  if has_new_bounds or holds_any and is_past then trim(KEYS[2], room, size, max_bytes) end
  if holds_any then renews_after = math.min(renews_after, ttl / 8) end
end
if has_new_bounds and top > before or now - room.kept >= renews_after then
  note('kept', now)
  keep(KEYS[1], ARGV[4])
  if room.ttl > 0 then keep(KEYS[2], room.ttl) end
end
if #known > 0 then redis.call('HSET', KEYS[1], unpack(known)) end
if #live > 1 then redis.call(ARGV[2], ARGV[1], table.concat(live, '\30')) end
return results
