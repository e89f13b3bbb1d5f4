-- The normal channels of which a dead node's inbox holds messages that were never read.
-- KEYS: inbox
local last = reading_of(KEYS[1])
if not last then return {} end
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
