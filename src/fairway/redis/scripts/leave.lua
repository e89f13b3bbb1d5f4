-- Channels leave a group.
-- KEYS: names in the group, nodes of the group, normal channels of the group, groups,
--   then the counts of a node that has no channel left, or the inbox of one for which
--   another process speaks
-- ARGV: group, node ('' for normal channels), the turn at which the node has no channel left
--   in it ('' if it has, or another process speaks), names
redis.call('ZREM', KEYS[1], unpack(ARGV, 4))
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[3], unpack(ARGV, 4))
elseif ARGV[3] ~= '' then
  local joined = redis.call('ZSCORE', KEYS[2], ARGV[2])
  -- Another process may have put a channel of this node's in, of which it has yet to hear.
  local unheard = redis.call('HEXISTS', KEYS[5], '+' .. ARGV[1]) == 1
  if joined and not unheard and tonumber(joined) <= tonumber(ARGV[3]) then
    redis.call('ZREM', KEYS[2], ARGV[2])
  end
elseif KEYS[5] and redis.call('EXISTS', KEYS[5]) == 1 then
  for i = 4, #ARGV do redis.call('XADD', KEYS[5], '*', '-' .. ARGV[1], ARGV[i]) end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[4], ARGV[1]) end
