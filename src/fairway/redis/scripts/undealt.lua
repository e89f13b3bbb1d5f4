-- The normal channels of which a dead node's inbox holds messages that were never read.
-- KEYS: inbox
local info = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if info.err or not info[1] then return {} end
local last
for i = 1, #info[1], 2 do
  if info[1][i] == 'last-delivered-id' then last = info[1][i + 1] end
end
local channels, seen = {}, {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. last, '+')) do
  for k = 1, #entry[2], 2 do
    local field = entry[2][k]
    if string.sub(field, 1, 1) == '>' and not seen[field] then
      seen[field] = true
      channels[#channels + 1] = string.sub(field, 2)
    end
  end
end
return channels
