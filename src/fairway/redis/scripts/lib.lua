-- Shared by all scripts: this text stands before each of them.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What gives memory back goes on where the server has none left: having written something,
-- if only this, a script may write more.
local function go_on_without_memory(hash)
  redis.call('HDEL', hash, '')
end

-- Keys of a node outlive its last sign of life by this long (ms), should nobody bury it.
local KEPT = 3600000

-- A stream entry takes many fields; Lua passes at most some thousands of arguments.
local function add_entry(inbox, fields)
  for first = 1, #fields, 2000 do
    redis.call('XADD', inbox, '*', unpack(fields, first, math.min(first + 1999, #fields)))
  end
  redis.call('PEXPIRE', inbox, KEPT)
end

local function count(stats, field, n)
  if n > 0 and redis.call('HINCRBY', stats, field, n) == n then
    redis.call('PEXPIRE', stats, 86400000)
  end
end

-- What was counted under a name that is used no more counts on in all, under no name.
local function forget_figures(stats, name)
  for _, kind in ipairs({ 'm:', 'f:' }) do
    local n = redis.call('HGET', stats, kind .. name)
    if n then
      count(stats, kind, tonumber(n))
      redis.call('HDEL', stats, kind .. name)
    end
  end
end

-- Take n off a counter that vanishes at zero; a counter never goes below it.
local function uncount(hash, field, n)
  if redis.call('HINCRBY', hash, field, -n) <= 0 then
    redis.call('HDEL', hash, field)
  end
end

-- What a lease ends on tells who gave it: a whole millisecond, a heartbeat; half of one, the node
-- before its first heartbeat; a quarter, those who sent to a node that nobody knows.
local function is_strange(lease) return lease % 1 == 0.25 end

-- Whether the lease of a node, if it has one, goes on.
local function lasts(nodes, node, now)
  local lease = redis.call('ZSCORE', nodes, node)
  return lease and tonumber(lease) >= now, lease
end

-- Whether somebody reads what a node is given.
local function lives(nodes, node, now)
  local yes, lease = lasts(nodes, node, now)
  return yes and not is_strange(lease)
end

-- A node that does something is not dead: it gets a lease until its first heartbeat.
local function meet(nodes, node, lease, now)
  local before = redis.call('ZSCORE', nodes, node)
  if not before or is_strange(before) then
    redis.call('ZADD', nodes, now + lease + 0.5, node)
    redis.call('PEXPIRE', nodes, KEPT)  -- no heartbeat may ever come that would
  end
end

-- Nobody knows this node: unless it begins to live, others bury it when nobody may read any
-- more what it was sent, and count that.
local function take_note(nodes, node, expiry, now)
  redis.call('ZADD', nodes, 'NX', now + expiry + 0.25, node)
  redis.call('PEXPIRE', nodes, KEPT)
end

-- Since when somebody was heard here without a long gap. Where nobody was, the store itself
-- was away, and a lease that lapsed meanwhile says nothing about its node.
local function heard_since(stats, lease, now)
  local times = redis.call('HMGET', stats, 'since', 'heard')
  local since = tonumber(times[1] or now)
  if now - tonumber(times[2] or now) > lease / 2 then since = now end
  redis.call('HSET', stats, 'since', since, 'heard', now)
  redis.call('PEXPIRE', stats, 86400000)
  return since
end

-- Dead nodes, whose lease lapsed in a time when others were heard, and channels that may
-- hold expired messages.
local function overdue(nodes, known, stats, lease, now)
  local dead = {}
  if now - heard_since(stats, lease, now) >= lease then
    dead = redis.call('ZRANGEBYSCORE', nodes, '-inf', '(' .. now, 'LIMIT', 0, 16)
  end
  return dead, redis.call('ZRANGEBYSCORE', known, '-inf', now, 'LIMIT', 0, 500)
end

-- Up to where replies went to the reader of an inbox: to its beginning, where nobody read yet.
-- Nothing if there is no inbox.
local function reading_of(inbox)
  local groups, of = redis.pcall('XINFO', 'GROUPS', inbox), {}
  if groups.err then return end
  if not groups[1] then return '0-0' end
  for i = 1, #groups[1], 2 do of[groups[1][i]] = groups[1][i + 1] end
  return of['last-delivered-id']
end

-- When a queued message was sent (ms); bytes that hold no time are of no use to anybody.
local function sent_at(value)
  return #value >= 8 and struct.unpack('>I8', value) or 0
end

-- A message of this entry of an inbox, stamped with the time when it was sent.
local function dated(value, entry_id)
  if sent_at(value) > 0 then return value end
  return struct.pack('>I8', tonumber(string.match(entry_id, '%d+'))) .. string.sub(value, 9)
end

-- The messages at the head of a normal channel's queue that nobody may read any more.
local function expire_queue(queue, stats, cutoff)
  local gone = 0
  local head = redis.call('LINDEX', queue, 0)
  while head and sent_at(head) <= cutoff do
    redis.call('LPOP', queue)
    gone = gone + 1
    head = redis.call('LINDEX', queue, 0)
  end
  count(stats, 'd:expired', gone)
  return gone
end

-- One of the nodes that want messages of a channel, and its credit; how many there are. By
-- chance, so that one that could take all doesn't: others may have more time for each. Where
-- there are more than a call can name, those with most credit.
local function next_node(want)
  local waiting = redis.call('ZCARD', want)
  local found = {}
  if waiting > 64 then
    found = redis.call('ZREVRANGE', want, 0, 0, 'WITHSCORES')
  elseif waiting > 0 then
    found = redis.call('ZRANDMEMBER', want, 1, 'WITHSCORES')
  end
  return found[1], tonumber(found[2]), waiting
end

-- Messages of a normal channel for a node that wants some, which it gets in one entry; messages
-- stamped 0 were sent when that is written.
local function give(keys, channel, node, inbox, values, credit)
  local n, field, fields = #values, '>' .. channel, {}
  for i = 1, n do
    fields[2 * i - 1] = field
    fields[2 * i] = values[i]
  end
  add_entry(inbox.inbox, fields)
  redis.call('HINCRBY', inbox.counts, field, n)
  redis.call('HINCRBY', keys.unread, channel, n)
  redis.call('PEXPIRE', inbox.counts, KEPT)
  redis.call('PEXPIRE', keys.unread, KEPT)
  if credit > n then
    redis.call('ZADD', keys.want, credit - n, node)
  else
    redis.call('ZREM', keys.want, node)
  end
end

-- Deal queued messages to the nodes that want some.
-- inboxes: node -> its inbox and counts keys, as far as the caller knows them.
-- Returns the nodes that want messages and that the caller did not name.
local function deal(keys, channel, inboxes, now)
  local missing = {}
  local left = redis.call('LLEN', keys.queue)
  while left > 0 do
    local node, credit, waiting = next_node(keys.want)
    if not node then break end
    if not lives(keys.nodes, node, now) then
      redis.call('ZREM', keys.want, node)
    elseif not inboxes[node] then
      missing = redis.call('ZREVRANGE', keys.want, 0, 63)
      break
    else
      local n = math.min(credit, math.ceil(left / waiting), 1000)
      local values = redis.call('LPOP', keys.queue, n)
      give(keys, channel, node, inboxes[node], values, credit)
      left = left - n
    end
  end
  return missing
end

-- What deal() needs, from KEYS 1 to 6 and pairs of keys for the nodes that begin at ARGV[first].
local function deal_keys(first, nodes)
  local keys = {
    queue = KEYS[1], want = KEYS[2], nodes = KEYS[3],
    unread = KEYS[4], stats = KEYS[5], known = KEYS[6],
  }
  local inboxes = {}
  for i = 1, nodes do
    inboxes[ARGV[first + i - 1]] = { inbox = KEYS[5 + 2 * i], counts = KEYS[6 + 2 * i] }
  end
  return keys, inboxes
end

-- Keep a queue as long as a message in it may be read, and have it looked at then.
local function keep_queue(keys, channel, expiry, now)
  redis.call('PEXPIRE', keys.queue, expiry + 600000)
  redis.call('ZADD', keys.known, 'LT', now + expiry, channel)
  redis.call('PEXPIRE', keys.known, expiry + 86400000)
end

-- Have a key last for at least so long (ms): another process may need it for longer.
local function keep(key, kept)
  if redis.call('PTTL', key) < kept then redis.call('PEXPIRE', key, kept) end
end

-- The names in a group whose membership has not ended, of nodes that live. Those that ended, and
-- those of nodes that were buried, are forgotten by the way.
local function living_names(names, nodes, now)
  redis.call('ZREMRANGEBYSCORE', names, '-inf', now)
  local living, dead, state = {}, {}, {}
  for _, name in ipairs(redis.call('ZRANGE', names, 0, -1)) do
    local node = string.match(name, '([^.!]+)!')
    local lease = node and (state[node] or tonumber(redis.call('ZSCORE', nodes, node) or -1))
    if node then state[node] = lease end
    if lease and (lease == -1 or is_strange(lease)) then
      dead[#dead + 1] = name
    elseif not node or lease >= now then
      living[#living + 1] = name
    end
  end
  for i = 1, #dead, 2000 do
    redis.call('ZREM', names, unpack(dead, i, math.min(i + 1999, #dead)))
  end
  return living
end
