"""Which channels are in which groups, and until when."""

from __future__ import annotations

import math

from ..names import parse_channel

#: A membership that ends with its owner only.
FOR_EVER = math.inf


class Memberships:
    """Groups of channels with an end each. Not thread-safe: the caller holds a lock."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, float]] = {}

    def add(self, group: str, channel: str, until: float) -> bool:
        """Add or renew; True if the group is new here."""
        members = self._groups.get(group)
        if members is None:
            self._groups[group] = {channel: until}
            return True
        members[channel] = until
        return False

    def discard(self, group: str, channel: str) -> bool:
        """Remove quietly; True if that was the group's last channel."""
        members = self._groups.get(group)
        if members is None:
            return False
        members.pop(channel, None)
        return self._forget_if_empty(group, members)

    def members(self, group: str, now: float) -> list[str]:
        """The channels whose membership has not ended."""
        members = self._groups.get(group)
        if members is None:
            return []
        return [channel for channel, until in members.items() if until > now]

    def expire(self, now: float) -> list[str]:
        """Forget memberships that ended; the groups that are empty by that."""
        return [group for group in list(self._groups) if self._expire(group, now)]

    def discard_node(self, node: str) -> None:
        """Remove every channel that this node made from every group."""
        for group, members in list(self._groups.items()):
            for channel in [name for name in members if parse_channel(name).node == node]:
                del members[channel]
            self._forget_if_empty(group, members)

    def groups(self) -> list[str]:
        """The names of all groups."""
        return list(self._groups)

    def clear(self) -> None:
        """Forget everything."""
        self._groups.clear()

    def __len__(self) -> int:
        return len(self._groups)

    def _expire(self, group: str, now: float) -> bool:
        members = self._groups[group]
        for channel in [name for name, until in members.items() if until <= now]:
            del members[channel]
        return self._forget_if_empty(group, members)

    def _forget_if_empty(self, group: str, members: dict[str, float]) -> bool:
        if not members:
            del self._groups[group]
        return not members
