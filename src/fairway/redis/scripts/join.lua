-- Channels of one node, or one normal channel, join a group.
-- KEYS: names in the group, nodes of the group, normal channels of the group, nodes, groups,
--   then the inbox and counts of the node, where another process speaks for it
-- ARGV: group, node ('' for a normal channel), the node's turn ('' where another process
--   speaks for it), lease (ms), how long the group is kept unless renewed (ms),
--   then for each channel: its name, how long it stays ('inf', or ms), what its node is to be told
local group, node, turn, lease, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
-- How long a normal channel stays for which there is no end: nobody owns it, to renew that (ms).
local UNOWNED_KEPT = 30 * 86400000
local now, new = now_ms(), 0
local function until_ms(lasts) return lasts == 'inf' and '+inf' or now + tonumber(lasts) end
for i = 6, #ARGV, 3 do
  new = new + redis.call('ZADD', KEYS[1], until_ms(ARGV[i + 1]), ARGV[i])
  if node == '' then
    redis.call('ZADD', KEYS[3], until_ms(ARGV[i + 1]), ARGV[i])
    if ARGV[i + 1] == 'inf' then kept = math.max(kept, UNOWNED_KEPT) end
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
if redis.call('ZADD', KEYS[5], 'GT', now + kept, group) == 1 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
end
for _, key in ipairs({ KEYS[1], KEYS[2], KEYS[3], KEYS[5] }) do keep(key, kept) end
-- Now and then, what killed processes left.
if redis.call('ZCARD', KEYS[1]) % 10000 < new then living_names(KEYS[1], KEYS[4], now) end
