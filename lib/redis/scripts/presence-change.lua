-- Puts records into a room and removes some, in the order given; all of them or none.
--
-- KEYS     see presence-room.lua
-- ARGV[1]  lease of the calling node
-- ARGV[2]  when the room was noted under that lease, ms; '' if nothing is put
-- ARGV[3]  milliseconds such a note is good for
-- ARGV[4]  1 if the lease has records here as far as its node knows, else 0
-- ARGV[5]  command to publish with
-- ARGV[6]  channel of the room's presence
-- ARGV[7]  number of operations; then five each: kind ('put', or what is removed: 'connection' or
--          'client'), user, client, connection, entry (JSON texts; '' where nothing is put)
--
-- Returns { status, users of whom the lease has records now }. Status:
--   'done'
--   'fenced'   the lease is dead: nothing was done
--   'unknown'  the note is too old to be sure that the lease is not dead: nothing was done
--   'lost'     the store has lost the room: nothing was done

local lease, noted = ARGV[1], tonumber(ARGV[2])

local function refusal()
  if redis.call('ZSCORE', KEYS[4], lease) then return 'fenced' end
  local isKnown = held(lease) > 0
  if ARGV[4] == '1' and not isKnown and redis.call('EXISTS', KEYS[2]) == 0 then return 'lost' end
  if isKnown or not noted then return nil end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if math.abs(now - noted) > tonumber(ARGV[3]) then return 'unknown' end
  return nil
end

local function indexOf(records, connection)
  for index, record in ipairs(records) do
    if record[2] == connection then return index end
  end
  return nil
end

local function put(user, client, connection, entry)
  local since, before = load(user)
  local records = {}
  for index, record in ipairs(before) do records[index] = record end
  local index = indexOf(before, connection) or #before + 1
  records[index] = { client, connection, entry, lease }
  replace(user, since, before, records)
end

local function remove(scope, user, client, connection)
  local since, before = load(user)
  local index = indexOf(before, connection)
  if not index then return end
  local records = {}
  for at, record in ipairs(before) do
    local isOlder = scope == 'client' and at < index and record[1] == client
    if at ~= index and not isOlder then records[#records + 1] = record end
  end
  replace(user, since, before, records)
end

local refused = refusal()
if refused then return { refused, 0 } end
for operation = 0, tonumber(ARGV[7]) - 1 do
  local kind, user, client, connection, entry = unpack(ARGV, 8 + operation * 5, 12 + operation * 5)
  if kind == 'put' then put(user, client, connection, entry)
  else remove(kind, user, client, connection) end
end
publish(ARGV[5], ARGV[6])
return { 'done', held(lease) }
