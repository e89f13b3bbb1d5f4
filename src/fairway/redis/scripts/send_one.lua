-- (alone) Messages for one process-specific channel of a node that lives, the usual case.
-- Without lib.lua and all else that send_to_node.lua does, a message is there sooner.
-- KEYS: inbox, counts, stats, nodes
-- ARGV: node, bound of the inbox (entries), channel, capacity, n, n bodies
-- Returns nothing, or how many of the last messages found no room; or -1, having changed
--   nothing, where the node isn't known and it takes send_to_node.lua.
local inbox, counts, stats = KEYS[1], KEYS[2], KEYS[3]
local node, channel, n = ARGV[1], ARGV[3], tonumber(ARGV[5])
local before = redis.call('HINCRBY', counts, channel, n) - n
local room = math.min(n, ARGV[4] - before)
if redis.call('XLEN', inbox) >= tonumber(ARGV[2]) then room = 0 end
local entry
if room == 1 then
  entry = redis.call('XADD', inbox, 'NOMKSTREAM', '*', channel, ARGV[6])
elseif room > 1 then
  local fields = {}
  for i = 1, room do
    fields[2 * i - 1] = channel
    fields[2 * i] = ARGV[5 + i]
  end
  entry = redis.call('XADD', inbox, 'NOMKSTREAM', '*', unpack(fields))
end
if entry then
  redis.call('HINCRBY', stats, 'm:!' .. node, room)
  if room == n then return end
end

local refused = entry and n - room or n
if redis.call('HINCRBY', counts, channel, -refused) <= 0 then
  redis.call('HDEL', counts, channel)
end
-- Where there was room, only the stream was missing.
if not entry and (room > 0 or not redis.call('ZSCORE', KEYS[4], node)) then return -1 end
redis.call('HINCRBY', stats, 'f:!' .. node, refused)
return refused
