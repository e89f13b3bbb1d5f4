-- A node begins to read its inbox, or begins anew, through a group of its own making.
-- Older groups go: a read that waits through one, on a line that the server may not know to
-- be dead, would take entries. Until they are read, nobody may take those there for unread.
-- KEYS: inbox
-- ARGV: the group's name
-- Returns 1 if the inbox was read before, and the id of its last entry.
local inbox, name = KEYS[1], ARGV[1]
local groups = redis.pcall('XINFO', 'GROUPS', inbox)
local before = not groups.err and #groups or 0
for i = 1, before do redis.call('XGROUP', 'DESTROY', inbox, groups[i][2]) end
redis.call('XGROUP', 'CREATE', inbox, name, before > 0 and '$' or '0-0', 'MKSTREAM')
redis.call('PEXPIRE', inbox, KEPT)
local stream = redis.call('XINFO', 'STREAM', inbox)
local last
for i = 1, #stream, 2 do
  if stream[i] == 'last-generated-id' then last = stream[i + 1] end
end
return { before > 0 and 1 or 0, last }
