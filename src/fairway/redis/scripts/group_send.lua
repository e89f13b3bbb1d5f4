-- (alone) Messages for a group: one entry for each node that has channels in it.
-- KEYS: nodes of the group, normal channels of the group, nodes, stats,
--   then the inbox of each named node
-- ARGV: group, bound of an inbox (entries), 1 if only the named nodes are meant,
--   number of named nodes, their ids, bodies
-- Returns the group's normal channels, and its nodes that were not named.
local group, bound, only, named = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
-- Keys of a node outlive its last sign of life by this long (ms), should nobody bury it.
local KEPT = 3600000
local function count(field, n)
  if redis.call('HINCRBY', KEYS[4], field, n) == n then
    redis.call('PEXPIRE', KEYS[4], 86400000)
  end
end
local inboxes = {}
for i = 1, named do inboxes[ARGV[4 + i]] = KEYS[4 + i] end
local fields = {}
for i = 5 + named, #ARGV do
  fields[#fields + 1] = '@' .. group
  fields[#fields + 1] = ARGV[i]
end
local missing, sent, full = {}, 0, 0
for _, node in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  -- A node is there until it is buried: its lease may have lapsed while the store was away.
  local lease = redis.call('ZSCORE', KEYS[3], node)
  if not lease or lease % 1 == 0.25 then  -- as in lib.lua's is_strange()
    redis.call('ZREM', KEYS[1], node)
  elseif not inboxes[node] then
    missing[#missing + 1] = node
  elseif redis.call('XLEN', inboxes[node]) >= bound then
    full = full + #fields / 2
  else
    -- A stream entry takes many fields; Lua passes at most some thousands of arguments.
    for first = 1, #fields, 2000 do
      local last = math.min(first + 1999, #fields)
      -- Heartbeats keep an inbox; one that wasn't there may belong to nobody who sends any.
      if not redis.call('XADD', inboxes[node], 'NOMKSTREAM', '*', unpack(fields, first, last)) then
        redis.call('XADD', inboxes[node], '*', unpack(fields, first, last))
        redis.call('PEXPIRE', inboxes[node], KEPT)
      end
    end
    sent = sent + #fields / 2
  end
end
if sent > 0 then count('m:@', sent) end
if full > 0 then
  count('d:over_capacity', full)
  count('f:@', full)
end
if only == '1' then return {} end
local channels = {}
if redis.call('EXISTS', KEYS[2]) == 1 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  channels = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')
end
if #channels == 0 and #missing == 0 then return end
return { channels, missing }
