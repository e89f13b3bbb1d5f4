-- What needs doing at this shard.
-- KEYS: nodes, known
-- Returns dead nodes, and channels that may hold expired messages.
local dead, due = overdue(KEYS[1], KEYS[2], now_ms())
return { dead, due }
