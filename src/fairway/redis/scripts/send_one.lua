-- (alone) Messages for one process-specific channel of a node that lives, the usual case.
-- Without lib.lua and all else that send_to_node.lua does, a message is there sooner.
-- KEYS: inbox, counts, stats, nodes
-- ARGV: node, bound of the inbox (entries), expiry (ms), capacity, n, channel, n bodies
-- Returns nothing, or how many of the last messages found no room; or -1, having changed
--   nothing, where the node isn't known and it takes send_to_node.lua to make room.
local inbox, counts, stats = KEYS[1], KEYS[2], KEYS[3]
local node, channel, n = ARGV[1], ARGV[6], tonumber(ARGV[5])
local before = redis.call('HINCRBY', counts, channel, n) - n
local room = math.min(n, ARGV[4] - before)
if redis.call('XLEN', inbox) >= tonumber(ARGV[2]) then room = 0 end
if room > 0 then
  local fields = {}
  for i = 1, room do
    fields[2 * i - 1] = channel
    fields[2 * i] = ARGV[6 + i]
  end
  redis.call('HINCRBY', stats, 'm:!' .. node, room)
  if not redis.call('XADD', inbox, 'NOMKSTREAM', '*', unpack(fields)) then
    -- Here and now, since what is sent next must not overtake this.
    redis.call('XADD', inbox, '*', unpack(fields))
    local kept = 3600000
    if not redis.call('ZSCORE', KEYS[4], node) then
      -- As in lib.lua's take_note().
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      redis.call('ZADD', KEYS[4], 'NX', now + ARGV[3] + 0.25, node)
      redis.call('PEXPIRE', KEYS[4], 3600000)
      kept = ARGV[3] + 60000
    end
    redis.call('PEXPIRE', inbox, kept)
    redis.call('PEXPIRE', counts, kept)
    redis.call('PEXPIRE', stats, 86400000)
  end
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
