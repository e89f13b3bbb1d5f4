-- A node can take more messages of a normal channel; or messages that were left are dealt.
-- KEYS: queue, want, nodes, unread, stats, known, then inbox and counts of each named node
-- ARGV: channel, expiry (ms), lease (ms), credit to add for the first named node,
--   1 if what it had counts no more, number of named nodes, their ids
-- Returns the nodes that wait and were not named.
local channel, expiry, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local credit, anew, named = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local keys, inboxes = deal_keys(7, named)
local now = now_ms()
go_on_without_memory(keys.stats)
expire_queue(keys.queue, keys.stats, now - expiry)
if credit > 0 then
  meet(keys.nodes, ARGV[7], lease, now)
  redis.call(anew == '1' and 'ZADD' or 'ZINCRBY', keys.want, credit, ARGV[7])
  redis.call('PEXPIRE', keys.want, expiry + 86400000)
end
return deal(keys, channel, inboxes, now)
