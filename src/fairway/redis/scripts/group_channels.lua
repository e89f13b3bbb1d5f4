-- The channels of a group. Those of nodes that died are forgotten by the way.
-- KEYS: names in the group, nodes
-- Returns the names whose membership has not ended, node ids that live.
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local names, living, dead, state = {}, {}, {}, {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local node = string.match(name, '([^.!]+)!')
  if node and state[node] == nil then state[node] = lives(KEYS[2], node, now) or false end
  if node and not state[node] then dead[#dead + 1] = name else names[#names + 1] = name end
end
for i = 1, #dead, 2000 do
  redis.call('ZREM', KEYS[1], unpack(dead, i, math.min(i + 1999, #dead)))
end
return names
