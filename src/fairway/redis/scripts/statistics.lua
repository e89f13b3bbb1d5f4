-- Figures of the shard.
-- KEYS: stats, known, nodes, sample, groups
-- Returns the time (ms), the stats as a flat list, two samples of the total taken before
--   (time, total, later time, later total), normal channels, nodes, the number of groups.
local now = now_ms()
go_on_without_memory(KEYS[1])
-- Messages to nodes that were never known, or not any more, count in all.
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local node = string.match(fields[i], '^[mf]:!(.+)')
  if node and not redis.call('ZSCORE', KEYS[3], node) then forget_figures(KEYS[1], '!' .. node) end
end
local stats = redis.call('HGETALL', KEYS[1])
local total = 0
for i = 1, #stats, 2 do
  if string.sub(stats[i], 1, 2) == 'm:' then total = total + tonumber(stats[i + 1]) end
end
local sample = redis.call('HMGET', KEYS[4], 'time', 'total', 'next_time', 'next_total')
local next_time = tonumber(sample[3] or 0)
if now - next_time >= 10000 then
  if next_time > 0 then redis.call('HSET', KEYS[4], 'time', sample[3], 'total', sample[4]) end
  redis.call('HSET', KEYS[4], 'next_time', now, 'next_total', total)
  redis.call('PEXPIRE', KEYS[4], 86400000)
end
return {
  now, stats, sample,
  redis.call('ZRANGE', KEYS[2], 0, 999), redis.call('ZRANGE', KEYS[3], 0, -1),
  redis.call('ZCOUNT', KEYS[5], now, '+inf'),
}
