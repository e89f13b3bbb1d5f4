-- Messages for one normal channel: into its queue, and on to the nodes that wait for some.
-- KEYS: queue, want, nodes, unread, stats, known, then inbox and counts of each named node
-- ARGV: channel, capacity at this shard, expiry (ms), 1 if no other shard is tried,
--   number of named nodes, their ids, messages stamped 0
-- Returns how many of the messages were taken, and the nodes that wait and were not named.
local channel, capacity, expiry = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local named = tonumber(ARGV[5])
local keys, inboxes = deal_keys(6, named)

-- Where a single node waits, as is usual, it gets what it can take of n messages without a stay
-- in the queue: how many those were.
local function hand_over(now, first, n)
  local node, credit, waiting = next_node(keys.want)
  if waiting ~= 1 or not inboxes[node] or not lives(keys.nodes, node, now) then return 0 end
  local values = {}
  for i = 1, math.min(n, credit, 1000) do values[i] = ARGV[first + i - 1] end
  give(keys, channel, node, inboxes[node], values, credit)
  return #values
end

local now = now_ms()
local first = 6 + named
local n = #ARGV - first + 1

local queued = redis.call('LLEN', keys.queue)
local unread = queued + (redis.call('HGET', keys.unread, channel) or 0)
if unread + n > capacity then
  unread = unread - expire_queue(keys.queue, keys.stats, now - expiry)
end
local room = math.max(0, math.min(n, capacity - unread))
count(keys.stats, 'm:' .. channel, room)
if ARGV[4] == '1' then count(keys.stats, 'f:' .. channel, n - room) end
local missing = {}
local given = queued == 0 and room > 0 and hand_over(now, first, room) or 0
local left = room - given
if left > 0 then
  local stamp, values = struct.pack('>I8', now), {}
  for i = 1, left do values[i] = stamp .. string.sub(ARGV[first + given + i - 1], 9) end
  for i = 1, left, 2000 do
    redis.call('RPUSH', keys.queue, unpack(values, i, math.min(i + 1999, left)))
  end
  missing = deal(keys, channel, inboxes, now)
  keep_queue(keys, channel, expiry, now)
end
return { room, missing }
