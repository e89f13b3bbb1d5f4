-- Look for expired messages in normal channels.
-- KEYS: stats, known, then the queue of each channel
-- ARGV: expiry (ms), how long an empty channel's figures are kept (ms), channels
local expiry, kept, now = tonumber(ARGV[1]), tonumber(ARGV[2]), now_ms()
go_on_without_memory(KEYS[1])
for i = 3, #ARGV do
  local queue, channel = KEYS[i], ARGV[i]
  expire_queue(queue, KEYS[1], now - expiry)
  local head = redis.call('LINDEX', queue, 0)
  if head then
    redis.call('ZADD', KEYS[2], sent_at(head) + expiry, channel)
  else
    redis.call('ZADD', KEYS[2], now + kept, channel)
  end
end
