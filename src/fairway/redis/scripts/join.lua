-- Channels of one node, or one normal channel, join a group.
-- KEYS: names in the group, nodes of the group, normal channels of the group, nodes, groups,
--   then the inbox and counts of the node, where another process speaks for it
-- ARGV: group, node ('' for a normal channel), the node's turn ('' where another process
--   speaks for it), lease (ms), how long the group is kept unless renewed (ms),
--   then for each channel: its name, how long it stays ('inf', or ms), what its node is to be told
local group, node, turn, lease, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = now_ms()
local function until_ms(lasts) return lasts == 'inf' and '+inf' or now + tonumber(lasts) end
for i = 6, #ARGV, 3 do
  redis.call('ZADD', KEYS[1], until_ms(ARGV[i + 1]), ARGV[i])
  if node == '' then
    redis.call('ZADD', KEYS[3], until_ms(ARGV[i + 1]), ARGV[i])
  elseif turn == '' then
    redis.call('XADD', KEYS[6], '*', '+' .. group, ARGV[i + 2])
    redis.call('HINCRBY', KEYS[7], '+' .. group, 1)
    redis.call('PEXPIRE', KEYS[6], KEPT)
    redis.call('PEXPIRE', KEYS[7], KEPT)
  end
end
-- A node stands in a group by the turn of its last join, so that a departure which is
-- overtaken by a later join ends nothing.
if node ~= '' and turn == '' then
  redis.call('ZADD', KEYS[2], 'NX', 0, node)
elseif node ~= '' then
  redis.call('ZADD', KEYS[2], 'GT', turn, node)
  meet(KEYS[4], node, tonumber(lease), now)
end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], kept) end
if redis.call('ZADD', KEYS[5], now + kept, group) == 1 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
end
redis.call('PEXPIRE', KEYS[5], kept)
