-- After a break a node says what really waits in it, since acknowledgements may be lost.
-- KEYS: inbox, counts, unread
-- ARGV: last read entry, then pairs of a channel, as its field in counts, and a number
go_on_without_memory(KEYS[2])
local before = redis.call('HGETALL', KEYS[2])
for i = 1, #before, 2 do
  if string.sub(before[i], 1, 1) == '>' then
    uncount(KEYS[3], string.sub(before[i], 2), tonumber(before[i + 1]))
  end
end
redis.call('DEL', KEYS[2])
local function add(field, n)
  redis.call('HINCRBY', KEYS[2], field, n)
  if string.sub(field, 1, 1) == '>' then
    redis.call('HINCRBY', KEYS[3], string.sub(field, 2), n)
  end
end
for i = 2, #ARGV, 2 do add(ARGV[i], ARGV[i + 1]) end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')) do
  for k = 1, #entry[2], 2 do
    local field = entry[2][k]
    if string.find(field, '[!>+]') then add(field, 1) end
  end
end
redis.call('HSET', KEYS[2], '@', 0)
redis.call('PEXPIRE', KEYS[2], KEPT)
redis.call('PEXPIRE', KEYS[3], KEPT)
