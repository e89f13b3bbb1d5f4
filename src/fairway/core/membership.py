"""Which channels are in which groups, and until when."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..names import Address

#: A membership that ends with its owner only.
FOR_EVER = math.inf


_Members = dict[str, tuple[float, Address]]


class Memberships:
    """Groups of channels with an end each. Not thread-safe: the caller holds a lock."""

    def __init__(self) -> None:
        self._groups: dict[str, _Members] = {}
        #: The groups of each channel; a list, since nearly all are in one or two.
        self._of_channel: dict[str, list[str]] = {}
        #: Counts changes, so that a store that hears of two out of order knows the later one.
        self.turn = 0
        #: Groups that another store may not have heard of yet, and the turn that it has to
        #: have heard of; kept by whoever tells it.
        self.unlisted: dict[str, int] = {}

    def add(self, group: str, address: Address, until: float) -> bool:
        """Add or renew; True if it is now the group's only channel."""
        self.turn += 1
        members = self._groups.get(group)
        if members is None:
            members = self._groups[group] = {}
        if address.name not in members:
            self._of_channel.setdefault(address.name, []).append(group)
        members[address.name] = (until, address)
        return len(members) == 1

    def find(self, group: str, channel: str) -> tuple[float, Address] | None:
        """A membership; each time it is added or renewed it is another object."""
        return self._groups.get(group, {}).get(channel)

    def discard(self, group: str, channel: str) -> bool:
        """Remove quietly; True if that was the group's last channel."""
        members = self._groups.get(group)
        if members is None or channel not in members:
            return False
        return self._remove(group, members, channel)

    def discard_channel(self, channel: str) -> list[tuple[str, bool]]:
        """Remove a channel from all its groups: each, and whether it was the last there."""
        groups = self._of_channel.get(channel, ())
        return [(group, self.discard(group, channel)) for group in list(groups)]

    def members(self, group: str, now: float) -> list[Address]:
        """The channels whose membership has not ended."""
        members = self._groups.get(group)
        if members is None:
            return []
        return [address for until, address in members.values() if until > now]

    def expire(self, now: float) -> list[tuple[str, list[Address], bool]]:
        """End what is over: each group concerned, the channels that left it, if it is empty."""
        ended = []
        for group, members in list(self._groups.items()):
            gone = [address for until, address in members.values() if until <= now]
            if gone:
                empty = [self._remove(group, members, address.name) for address in gone][-1]
                ended.append((group, gone, empty))
        return ended

    def all(self) -> list[tuple[str, Address, float]]:
        """Every membership: the group, the channel and the end."""
        return [
            (group, address, until)
            for group, members in self._groups.items()
            for until, address in members.values()
        ]

    def discard_node(self, node: str) -> None:
        """Remove every channel that this node made from every group."""
        for group, members in list(self._groups.items()):
            for channel in [name for name, (_, owner) in members.items() if owner.node == node]:
                self._remove(group, members, channel)

    def groups(self) -> list[str]:
        """The names of all groups."""
        return list(self._groups)

    def clear(self, concerned: Callable[[str], bool] = lambda _: True) -> None:
        """Forget all groups, or those ``concerned``."""
        for group, members in list(self._groups.items()):
            if concerned(group):
                for channel in list(members):
                    self._remove(group, members, channel)

    def __len__(self) -> int:
        return len(self._groups)

    def _remove(self, group: str, members: _Members, channel: str) -> bool:
        self.turn += 1
        del members[channel]
        groups = self._of_channel[channel]
        groups.remove(group)
        if not groups:
            del self._of_channel[channel]
        if not members:
            del self._groups[group]
            self.unlisted.pop(group, None)
        return not members
