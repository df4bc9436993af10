-- Puts a batch of messages of one node into a room: gives them positions, holds them, and publishes
-- them as one message of the room's channel. A batch that comes again, because its answer was lost
-- with the connection, takes effect once.
--
-- KEYS[1] hash      the room's meta
-- KEYS[2] stream    the messages the room holds
-- KEYS[3] string    the last batch of this node: number, epoch, first offset
-- KEYS[4..] hash    the operations of clients, as items name them
-- ARGV[1] channel of the room
-- ARGV[2] PUBLISH or SPUBLISH
-- ARGV[3] epoch to begin with, if one has to begin
-- ARGV[4] ms the meta is kept
-- ARGV[5] number of the batch, rising; ARGV[6] ms it is remembered
-- ARGV[7] ms operations are remembered; ARGV[8] how many of one client
-- ARGV[9] most messages, ARGV[10] ms, ARGV[11] most bytes that are held
-- ARGV[12] 1 if these three count only in a room that has no bounds of its own yet
-- ARGV[13..] items: bytes it counts, or -1 if volatile; its text; its client's place in KEYS, or 0;
--   and with a client: name of the operation, name of the message
-- Returns the epoch, then for each item: its offset, 0 if volatile, or the receipt of the publish that
--   it repeats: epoch, offset and name with UNIT between; an empty epoch if that was volatile.

local now = now_ms()
local room = open(KEYS[1], KEYS[2], ARGV[3], now)
local window, per_client = tonumber(ARGV[7]), tonumber(ARGV[8])

-- By key: the place of the client's next operation, as far as this batch has got.
local places = {}

-- The receipt of an operation, if it is remembered.
local function find_operation(key, id)
  local known = redis.call('HGET', key, 'i' .. id)
  if not known then return nil end
  local at, receipt = string.match(known, '^%d+ (%d+) (.*)$')
  return now - tonumber(at) < window and receipt or nil
end

-- Remembers an operation, in the place of the one that is past the number of a client.
local function keep_operation(key, id, receipt)
  local place = places[key] or tonumber(redis.call('HGET', key, 'next') or 0)
  places[key] = place + 1
  local slot = 's' .. (place % per_client)
  local old = redis.call('HGET', key, slot)
  if old then
    local value = redis.call('HGET', key, 'i' .. old)
    -- It may have come again since, and stand in another place.
    if value and tonumber(string.match(value, '^%d+')) == place - per_client then
      redis.call('HDEL', key, 'i' .. old)
    end
  end
  local value = string.format('%.0f %.0f ', place, now) .. receipt
  redis.call('HSET', key, slot, id, 'i' .. id, value)
end

local sent = redis.call('GET', KEYS[3])
local number, sent_epoch, sent_first = string.match(sent or '', '^(%d+) (%S+) (%d+)$')
local is_repeated = number == ARGV[5]
local epoch = is_repeated and sent_epoch or room.epoch
local before = is_repeated and tonumber(sent_first) or room.top
local top = before

local came = string.format('-%.0f', now)

local function append(text, bytes)
  top = top + 1
  if is_repeated then return end
  local id = string.format('%.0f', top) .. came
  local held = string.format('%.0f', room.bytes)
  local reply = redis.pcall('XADD', KEYS[2], id, 'b', held, 'm', text)
  if type(reply) == 'table' and reply.err then
    -- Somebody else has written to it: what it held is nothing that could be given out.
    local is_foreign = string.find(reply.err, 'equal or smaller', 1, true)
      or string.find(reply.err, 'WRONGTYPE', 1, true)
    if is_foreign then redis.call('DEL', KEYS[2]) end
    -- Any other error ends the script here, before anything was written.
    redis.call('XADD', KEYS[2], id, 'b', held, 'm', text)
  end
  room.bytes = room.bytes + bytes
end

local results = { epoch }
local live = { epoch .. UNIT .. string.format('%.0f', before) }
-- In parts: each string that is made of a text is one more copy of it.
local function add_live(mark, text)
  live[#live + 1] = '\30' .. mark
  live[#live + 1] = text
end
local at = 13
while ARGV[at] do
  local bytes, text, place = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  local key, id, name = KEYS[place], ARGV[at + 3], ARGV[at + 4]
  at = at + (key and 5 or 3)
  local receipt = key and find_operation(key, id)
  local own = key and (bytes < 0 and UNIT .. '0' or epoch .. UNIT .. string.format('%.0f', top + 1)) .. UNIT .. name
  if receipt and not (is_repeated and receipt == own) then
    results[#results + 1] = receipt
  else
    if bytes < 0 then
      add_live('-', text)
      results[#results + 1] = 0
    else
      append(text, bytes)
      add_live('+', text)
      results[#results + 1] = top
    end
    if key and not is_repeated then keep_operation(key, id, own) end
  end
end

for key, place in pairs(places) do
  redis.call('HSET', key, 'next', place)
  redis.call('PEXPIRE', key, ARGV[7])
end

-- Written also when it repeats: whoever waits for replicas waits for the last write.
redis.call('SET', KEYS[3], ARGV[5] .. ' ' .. epoch .. ' ' .. string.format('%.0f', before), 'PX', ARGV[6])
if is_repeated then return results end

if top > room.top then
  local size, ttl, bytes = ARGV[9], ARGV[10], ARGV[11]
  if ARGV[12] == '1' then
    local bounds = redis.call('HGET', KEYS[1], 'bounds') or ''
    local own_size, own_bytes = string.match(bounds, '^(%d+) (%d+)$')
    -- Its own ttl stands in its meta anyway, for whoever reads.
    if own_size then size, ttl, bytes = own_size, string.format('%.0f', room.ttl), own_bytes end
  end
  room.top, room.ttl = top, tonumber(ttl)
  redis.call('HSET', KEYS[1], 'offset', string.format('%.0f', top), 'bytes', string.format('%.0f', room.bytes), 'ttl', ttl, 'bounds', size .. ' ' .. bytes)
  if trim(KEYS[2], room, tonumber(size), tonumber(bytes)) <= top then
    redis.call('PEXPIRE', KEYS[2], ttl)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if #live > 1 then redis.call(ARGV[2], ARGV[1], table.concat(live)) end
return results
