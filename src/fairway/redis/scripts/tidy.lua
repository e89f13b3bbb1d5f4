-- Look for expired messages in normal channels, and forget channels that are used no more.
-- KEYS: stats, known, then the queue of each channel
-- ARGV: expiry (ms), how long an empty channel's figures are kept (ms), of how many channels,
--   channels
local expiry, kept, most, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), now_ms()
local stats, known = KEYS[1], KEYS[2]
go_on_without_memory(stats)
local crowded = redis.call('ZCARD', known) - most
for i = 4, #ARGV do
  local queue, channel = KEYS[i - 1], ARGV[i]
  expire_queue(queue, stats, now - expiry)
  local head = redis.call('LINDEX', queue, 0)
  local due = tonumber(redis.call('ZSCORE', known, channel) or 0)
  if head then
    redis.call('ZADD', known, sent_at(head) + expiry, channel)
  elseif crowded > 0 or due % 1 > 0 then
    redis.call('ZREM', known, channel)
    forget_figures(stats, channel)
    crowded = crowded - 1
  else
    -- Half a millisecond tells the next look that nobody used it since this one.
    redis.call('ZADD', known, now + kept + 0.5, channel)
  end
end
