-- What needs doing at this shard.
-- KEYS: nodes, known, stats
-- ARGV: lease (ms)
-- Returns dead nodes, and channels that may hold expired messages.
go_on_without_memory(KEYS[3])
local dead, due = overdue(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1]), now_ms())
return { dead, due }
