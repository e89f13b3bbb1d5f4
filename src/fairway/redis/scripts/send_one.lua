-- (alone) Messages for one process-specific channel of a node that lives, the usual case.
-- Without lib.lua and all else that send_to_node.lua does, a message is there sooner.
-- KEYS: inbox, counts, stats, nodes
-- ARGV: node, bound of the inbox (entries), expiry (ms), channel, capacity, n, n bodies
-- Returns nothing, or how many of the last messages found no room; or -1, having changed
--   nothing, where the node isn't known and it takes send_to_node.lua to make room.
local inbox, counts, stats = KEYS[1], KEYS[2], KEYS[3]
local node, channel, n = ARGV[1], ARGV[4], tonumber(ARGV[6])
local before = redis.call('HINCRBY', counts, channel, n) - n
local room = math.min(n, ARGV[5] - before)
if redis.call('XLEN', inbox) >= tonumber(ARGV[2]) then room = 0 end
if room > 0 then
  local fields = {}
  for i = 1, room do
    fields[2 * i - 1] = channel
    fields[2 * i] = ARGV[6 + i]
  end
  if not redis.call('XADD', inbox, 'NOMKSTREAM', '*', unpack(fields)) then
    -- Here and now, since what is sent next must not overtake this.
    redis.call('XADD', inbox, '*', unpack(fields))
    local kept = redis.call('ZSCORE', KEYS[4], node) and 3600000 or ARGV[3] + 60000
    redis.call('PEXPIRE', inbox, kept)
    redis.call('PEXPIRE', counts, kept)
  end
  redis.call('HINCRBY', stats, 'm:!' .. node, room)
  if room == n then return end
else
  room = 0
end

local refused = n - room
if redis.call('HINCRBY', counts, channel, -refused) <= 0 then
  redis.call('HDEL', counts, channel)
end
if room == 0 and not redis.call('ZSCORE', KEYS[4], node) then return -1 end
redis.call('HINCRBY', stats, 'f:!' .. node, refused)
return refused
