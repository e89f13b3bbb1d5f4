-- Messages for process-specific channels of one node.
-- KEYS: inbox, counts, stats, nodes
-- ARGV: node, bound of the inbox (entries), expiry (ms), then for each channel:
--   its name, its capacity, n, n bodies
-- Returns nothing, or for each channel how many of its last messages found no room.
local inbox, counts, stats, nodes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local bound, expiry = tonumber(ARGV[2]), tonumber(ARGV[3])

local function add()
  local crowded = redis.call('XLEN', inbox) >= bound
  local fields, refused, any, i = {}, {}, 0, 4
  while i <= #ARGV do
    local name, capacity, n = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local before = redis.call('HINCRBY', counts, name, n) - n
    local room = crowded and 0 or math.max(0, math.min(n, capacity - before))
    if room < n then
      uncount(counts, name, n - room)
      any = any + n - room
    end
    refused[#refused + 1] = n - room
    for k = 1, room do
      fields[#fields + 1] = name
      fields[#fields + 1] = ARGV[i + 2 + k]
    end
    i = i + 3 + n
  end
  return fields, refused, any
end

-- Nobody reads the inbox of a node without a lease, so nobody but us expires it.
local function purge()
  local cutoff = now_ms() - expiry
  local old = redis.call('XRANGE', inbox, '-', cutoff, 'COUNT', 1000)
  for _, entry in ipairs(old) do
    for k = 1, #entry[2], 2 do
      uncount(counts, entry[2][k], 1)
      count(stats, 'd:expired', 1)
    end
  end
  if #old > 0 then redis.call('XTRIM', inbox, 'MINID', cutoff + 1) end
  return #old > 0
end

local lease = redis.call('ZSCORE', nodes, ARGV[1])
if not lease then purge() end
local fields, refused, any = add()
if #fields > 0 then
  add_entry(inbox, fields)
  redis.call('PEXPIRE', counts, KEPT)
  count(stats, 'm:!' .. ARGV[1], #fields / 2)
end
if not lease then
  redis.call('PEXPIRE', inbox, expiry + 60000)
  redis.call('PEXPIRE', counts, expiry + 60000)
  take_note(nodes, ARGV[1], expiry, now_ms())
end
if any > 0 then
  count(stats, 'f:!' .. ARGV[1], any)
  return refused
end
