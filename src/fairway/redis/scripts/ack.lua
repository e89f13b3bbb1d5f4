-- Messages were handed over.
-- KEYS: counts, unread
-- ARGV: pairs of a channel, as its field in counts, and a number
go_on_without_memory(KEYS[1])
for i = 1, #ARGV, 2 do
  local field, n = ARGV[i], tonumber(ARGV[i + 1])
  uncount(KEYS[1], field, n)
  if string.sub(field, 1, 1) == '>' then uncount(KEYS[2], string.sub(field, 2), n) end
end
