-- Which publishes repeat an operation of a client, and what is remembered of those that do not; stands before
-- `publish.lua`, no script of its own.
--
-- ARGV from some place on, for each block of a client's operations (see operation-blocks.ts): place of the
--   client's first hash in KEYS, the block's field there, how many operations, and as a text for each of them
--   RECORD, then with spaces between: its number in the block, the number of its message in the batch from 1
--   on, how far that is behind the offset before the batch (0: it is volatile), and the message's name as
--   JSON. None comes twice.
--
-- They are kept in this text, never one by one: a field of a hash has a block, in runs. A run is what one
-- batch had of the block. It begins with RUN, and has place and time of its first operation, the offset
-- before the batch, and the epoch.
--
-- Places count a client's operations. They go into one of its hashes until that has as many as are
-- remembered, then into the other, which is emptied before: so none has to be taken out by itself. The
-- field `state` of the first hash has the count, which of the two is written to, the count when that began,
-- and when they were last said to stay.
--
-- A batch's `repeats`: `now`, `window` (ms), `per_client`, its `epoch` and the offset `before` it; and by the
-- number of a message in the batch
--   receipts  the receipt of its operation's first publish, if it is remembered
--   deltas    how far the message itself would be behind the offset before the batch
--   names     its name, as JSON
--   shifts    how many before it have no position of their own, because they repeat an operation

-- Looked up for each message: a global is slower.
local KEYS, ARGV = KEYS, ARGV

local RUN, RECORD = '\29', '\30'

-- Reads what is known of a client's blocks.
local function read_blocks(client)
  local first = redis.call('HMGET', KEYS[client.key], unpack(client.fields))
  local count, side, since, kept = string.match(first[1] or '', '^(%d+) ([12]) (%d+) (%d+)$')
  client.count, client.side = tonumber(count) or 0, tonumber(side) or 1
  client.since, client.kept = tonumber(since) or 0, tonumber(kept) or 0
  -- Nothing was ever written to the other one.
  local second = client.since > 0 and redis.call('HMGET', KEYS[client.key + 1], unpack(client.fields))
  for index, block in ipairs(client.blocks) do
    block[1], block[2] = first[index + 1], second and second[index + 1]
    if block[1] or block[2] then client.is_known = true end
  end
end

-- Takes what is remembered of these operations, by their numbers in the block. Returns what is known without
-- the runs that are not remembered any more.
local function take(repeats, client, known, wanted)
  local live, oldest = {}, client.count - repeats.per_client
  local runs = '(' .. RUN .. '(%d+) (%d+) (%-?%d+) ([^' .. RECORD .. ']+)([^' .. RUN .. ']*))'
  for run, place, came, base, of_epoch, entries in string.gmatch(known, runs) do
    place = tonumber(place)
    local is_live = false
    for member, delta, name in string.gmatch(entries, RECORD .. '(%d+) %d+ (%d+) ([^' .. RECORD .. ']*)') do
      if repeats.now - came < repeats.window and place >= oldest then
        is_live = true
        local offset = delta == '0' and delta or string.format('%.0f', base + delta)
        local index = wanted[member]
        if index then repeats.receipts[index] = of_epoch .. UNIT .. offset .. UNIT .. name end
      end
      place = place + 1
    end
    if is_live then live[#live + 1] = run end
  end
  return table.concat(live)
end

-- Finds what is remembered of a block's operations of this batch: as a rule nothing.
local function recall(repeats, client, block)
  for side = 1, 2 do
    local known = block[side]
    local wanted
    if known then
      for member, index, delta, name in
        string.gmatch(block.text, RECORD .. '(%d+) (%d+) (%d+) ([^' .. RECORD .. ']*)') do
        if string.find(known, RECORD .. member .. ' ', 1, true) then
          index = tonumber(index)
          wanted = wanted or {}
          wanted[member], repeats.deltas[index], repeats.names[index] = index, tonumber(delta), name
        end
      end
    end
    if wanted then block[side] = take(repeats, client, known, wanted) end
  end
end

-- The run, or runs, of a block's operations that are new, and how many these are. The node counts on no
-- repeats: as a rule the text is kept as it came.
local function runs_of(repeats, block, place)
  -- No number here has more digits than Lua writes, apart from offsets.
  local function begin(at, base)
    return RUN .. at .. ' ' .. repeats.now .. ' ' .. string.format('%.0f', base) .. ' ' .. repeats.epoch
  end
  if not next(repeats.receipts) then return begin(place, repeats.before) .. block.text, block.count end
  local runs, count = '', 0
  for entry, index in string.gmatch(block.text, '(' .. RECORD .. '%d+ (%d+) [^' .. RECORD .. ']*)') do
    index = tonumber(index)
    if not repeats.receipts[index] then
      runs = runs .. begin(place + count, repeats.before - (repeats.shifts[index] or 0)) .. entry
      count = count + 1
    end
  end
  return runs, count
end

-- Remembers a client's operations of this batch that are new.
local function write_client(repeats, client)
  local side, count, has_key = client.side, client.count, client.count > 0
  local is_full = count - client.since >= repeats.per_client
  if is_full then side = 3 - side end
  if side == 2 then has_key = false end
  local writes = {}
  for index, block in ipairs(client.blocks) do
    local runs, added = runs_of(repeats, block, count)
    if added > 0 then
      local known = not is_full and block[side]
      has_key = has_key or known
      count = count + added
      writes[#writes + 1] = client.fields[index + 1]
      writes[#writes + 1] = (known or '') .. runs
    end
  end
  if count == client.count then return end
  -- Else who names a client once in a while would have its hash stay for ever, were it evicted meanwhile.
  local renews = is_full or not has_key or repeats.now - client.kept >= repeats.window / 8
  local since, kept = is_full and client.count or client.since, renews and repeats.now or client.kept
  local state = count .. ' ' .. side .. ' ' .. since .. ' ' .. kept
  local first, key = KEYS[client.key], KEYS[client.key + side - 1]
  if is_full then redis.call('UNLINK', key) end
  if side == 1 then
    redis.call('HSET', first, 'state', state, unpack(writes))
  else
    redis.call('HSET', first, 'state', state)
    redis.call('HSET', key, unpack(writes))
  end
  if renews then
    keep(first, repeats.window)
    if since > 0 then keep(KEYS[client.key + 1], repeats.window) end
  end
end

-- Reads what is remembered of a batch's operations. Returns the clients.
local function recall_clients(repeats, first_argument)
  -- By the place of its first hash in KEYS.
  local clients = {}
  for at = first_argument, #ARGV, 4 do
    local key = tonumber(ARGV[at])
    local client = clients[key] or { key = key, fields = { 'state' }, blocks = {} }
    clients[key] = client
    client.fields[#client.fields + 1] = ARGV[at + 1]
    client.blocks[#client.blocks + 1] = { count = tonumber(ARGV[at + 2]), text = ARGV[at + 3] }
  end
  for _, client in pairs(clients) do
    read_blocks(client)
    if client.is_known then
      for _, block in ipairs(client.blocks) do recall(repeats, client, block) end
    end
  end
  return clients
end
