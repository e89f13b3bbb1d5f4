-- Forget a node. What it was dealt of normal channels and certainly never read goes back
-- to their heads; all else that it did not hand over is lost with it, and counted.
-- KEYS: nodes, inbox, counts, unread, stats, known, then the queue and want of each channel
-- ARGV: node, 1 if the node itself says that it ends, expiry (ms),
--   its last read entry ('' where the server is to say it), number of channels, channels,
--   then for each of them: n, n stamped messages returned by the node itself
local node, own, expiry, cursor, named = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local nodes, inbox, counts, unread, stats = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now = now_ms()
if own ~= '1' and lasts(nodes, node, now) then return 0 end

-- A node that never gave a sign of life has no reader that could have died.
local lived = tonumber(redis.call('ZSCORE', nodes, node) or 0) % 1 == 0
go_on_without_memory(stats)
local back, at = {}, 6 + named
for i = 1, named do
  local channel = ARGV[5 + i]
  back[channel] = { queue = KEYS[5 + 2 * i], want = KEYS[6 + 2 * i], values = {} }
  local n = tonumber(ARGV[at] or 0)
  for k = 1, n do back[channel].values[k] = ARGV[at + k] end
  at = at + n + 1
  redis.call('ZREM', back[channel].want, node)
end

local entries = {}
if cursor ~= '' then
  entries = redis.call('XRANGE', inbox, '(' .. cursor, '+')
else
  local last = reading_of(inbox)
  if last then entries = redis.call('XRANGE', inbox, '(' .. last, '+') end
end
local lost = 0
for _, entry in ipairs(entries) do
  for k = 1, #entry[2], 2 do
    local field, value = entry[2][k], entry[2][k + 1]
    local mark = string.sub(field, 1, 1)
    local of = mark == '>' and back[string.sub(field, 2)]
    if of then of.values[#of.values + 1] = dated(value, entry[1]) end
    if mark == '@' then lost = lost + 1 end
  end
end
local left = redis.call('HGETALL', counts)
for i = 1, #left, 2 do
  local field, n = left[i], tonumber(left[i + 1])
  local mark = string.sub(field, 1, 1)
  local channel = mark == '>' and string.sub(field, 2)
  if channel then
    uncount(unread, channel, n)
    n = n - (back[channel] and #back[channel].values or 0)
  end
  if mark ~= '+' then lost = lost + math.max(0, n) end
end
for channel, of in pairs(back) do
  for k = #of.values, 1, -1 do redis.call('LPUSH', of.queue, of.values[k]) end
  if #of.values > 0 then
    redis.call('PEXPIRE', of.queue, expiry + 600000)
    redis.call('ZADD', KEYS[6], 'LT', now + expiry, channel)
  end
end
count(stats, lived and 'd:reader_died' or 'd:expired', lost)
forget_figures(stats, '!' .. node)
redis.call('ZREM', nodes, node)
redis.call('DEL', inbox, counts)
return 1
