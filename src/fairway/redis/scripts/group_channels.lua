-- The channels of a group. Those of nodes that were buried are forgotten by the way.
-- KEYS: names in the group, nodes
-- Returns the names whose membership has not ended, node ids that live.
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local names, dead, state = {}, {}, {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local node = string.match(name, '([^.!]+)!')
  local lease = node and (state[node] or tonumber(redis.call('ZSCORE', KEYS[2], node) or -1))
  if node then state[node] = lease end
  if lease and (lease == -1 or is_strange(lease)) then
    dead[#dead + 1] = name
  elseif not node or lease >= now then
    names[#names + 1] = name
  end
end
for i = 1, #dead, 2000 do
  redis.call('ZREM', KEYS[1], unpack(dead, i, math.min(i + 1999, #dead)))
end
return names
