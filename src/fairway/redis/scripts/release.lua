-- A node takes no more of a normal channel and returns what it did not hand over.
-- KEYS: queue, want, nodes, unread, stats, known, inbox and counts of the node
-- ARGV: channel, expiry (ms), node, then stamped messages, oldest first
-- Returns the nodes that wait for messages of the channel.
local channel, expiry, node = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local keys = deal_keys(3, 1)
go_on_without_memory(keys.stats)
redis.call('ZREM', keys.want, node)
local n = #ARGV - 3
for i = #ARGV, 4, -1 do redis.call('LPUSH', keys.queue, ARGV[i]) end
if n > 0 then
  uncount(KEYS[8], '>' .. channel, n)
  uncount(keys.unread, channel, n)
  keep_queue(keys, channel, expiry, now_ms())
  return redis.call('ZREVRANGE', keys.want, 0, 63)
end
return {}
