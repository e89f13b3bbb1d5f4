-- The channels of a group.
-- KEYS: names in the group, nodes
-- Returns the names whose membership has not ended, of nodes that live.
return living_names(KEYS[1], KEYS[2], now_ms())
