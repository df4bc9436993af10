-- The position of a room's last message.
--
-- KEYS[1] hash      the room's meta
-- KEYS[2] stream    the messages the room holds
-- ARGV[1] epoch to begin with, if one has to begin
-- ARGV[2] ms the meta is kept
-- Returns epoch and offset.

local room = open(KEYS[1], KEYS[2], ARGV[1], now_ms())
keep(KEYS[1], ARGV[2])
return { room.epoch, room.top }
