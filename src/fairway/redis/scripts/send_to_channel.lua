-- Messages for one normal channel: into its queue, and on to the nodes that wait for some.
-- KEYS: queue, want, nodes, unread, stats, known, then inbox and counts of each named node
-- ARGV: channel, capacity at this shard, expiry (ms), 1 if no other shard is tried,
--   number of named nodes, their ids, bodies
-- Returns how many of the messages were taken, and the nodes that wait and were not named.
local channel, capacity, expiry = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local named = tonumber(ARGV[5])
local keys, inboxes = deal_keys(6, named)
local now = now_ms()
local first = 6 + named
local n = #ARGV - first + 1

local unread = redis.call('LLEN', keys.queue) + (redis.call('HGET', keys.unread, channel) or 0)
if unread + n > capacity then
  unread = unread - expire_queue(keys.queue, keys.stats, now - expiry)
end
local room = math.max(0, math.min(n, capacity - unread))
local stamp, values = struct.pack('>I8', now), {}
for i = 1, room do values[i] = stamp .. ARGV[first + i - 1] end
for i = 1, room, 2000 do
  redis.call('RPUSH', keys.queue, unpack(values, i, math.min(i + 1999, room)))
end
count(keys.stats, 'm:' .. channel, room)
if ARGV[4] == '1' then count(keys.stats, 'f:' .. channel, n - room) end
local missing = {}
if room > 0 then
  missing = deal(keys, channel, inboxes, now)
  keep_queue(keys, channel, expiry, now)
end
return { room, missing }
