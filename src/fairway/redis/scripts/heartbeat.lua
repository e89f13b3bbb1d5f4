-- A node says that it lives.
-- KEYS: nodes, inbox, counts, stats, known
-- ARGV: node, lease (ms), unread messages of groups,
--   then pairs of a cause and a number: drops not reported yet
-- Returns whether the node was known to live, the time (ms), dead nodes, channels that may hold
--   expired messages.
local node, lease, of_groups = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
go_on_without_memory(KEYS[3])
local before = tonumber(redis.call('ZSCORE', KEYS[1], node) or 0)
local known = before >= now and before % 1 == 0 and 1 or 0
redis.call('ZADD', KEYS[1], now + lease, node)
-- Always there, so that the key keeps its expiry when the last message was handed over.
redis.call('HSET', KEYS[3], '@', of_groups)
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], KEPT) end
for i = 4, #ARGV, 2 do count(KEYS[4], 'd:' .. ARGV[i], tonumber(ARGV[i + 1])) end
local dead, due = overdue(KEYS[1], KEYS[5], KEYS[4], lease, now)
return { known, now, dead, due }
