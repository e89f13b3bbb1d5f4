-- A node says that it lives.
-- KEYS: nodes, inbox, counts, stats, known
-- ARGV: node, lease (ms), how long the inbox is kept (ms), unread messages of groups,
--   then pairs of a cause and a number: drops not reported yet
-- Returns whether the node was known to live, the time (ms), dead nodes, channels that may hold
--   expired messages.
local node, lease, kept, of_groups = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local now = now_ms()
go_on_without_memory(KEYS[3])
local known = lives(KEYS[1], node, now) and 1 or 0
redis.call('ZADD', KEYS[1], now + lease, node)
if of_groups > 0 then
  redis.call('HSET', KEYS[3], '@', of_groups)
else
  redis.call('HDEL', KEYS[3], '@')
end
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('PEXPIRE', KEYS[2], kept)
redis.call('PEXPIRE', KEYS[3], kept)
for i = 5, #ARGV, 2 do count(KEYS[4], 'd:' .. ARGV[i], tonumber(ARGV[i + 1])) end
local dead, due = overdue(KEYS[1], KEYS[5], KEYS[4], lease, now)
return { known, now, dead, due }
