"""The model: every message that was sent, channel by channel, and what may become of it.

It knows nothing of stores, loops or nodes. Times are intervals on the test's clock: a
call took place between its two ends, and nothing that could be either way is judged.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum, auto

#: When a call began and when it returned.
Span = tuple[float, float]

ALWAYS: Span = (math.inf, math.inf)


class Fate(Enum):
    """What is owed to a message that was not received yet."""

    SURE = auto()  # it is there, and comes to whoever receives
    COUNTED = auto()  # it comes, or a counter of drops counted it
    FREE = auto()  # nothing: it may never have been sent, or its reader is gone


@dataclass(eq=False)
class Copy:
    """One message in one channel."""

    n: int
    channel: str
    #: The group it was sent to; "" where it was sent to the channel itself.
    group: str
    sent: Span
    fate: Fate
    received: bool = False


class Ledger:
    """Who got what. ``margin`` gives seconds by which the store may be early, or late."""

    def __init__(self, expiry: float, group_expiry: float | None, margin: Callable[[], float]):
        self.expiry = expiry
        self.group_expiry = group_expiry
        self._margin = margin
        self.copies: dict[tuple[int, str], Copy] = {}
        self.channels: dict[str, list[Copy]] = defaultdict(list)
        #: From when on, and at the latest until when, each channel is in each group.
        self.groups: dict[str, dict[str, Span]] = defaultdict(dict)
        #: Drops that may be counted although the message was received: by a process that died.
        self.doubtful = 0

    # -- messages ---------------------------------------------------------------------

    def add(self, n: int, channel: str, sent: Span, fate: Fate, group: str = "") -> None:
        """A message was sent, or may have been."""
        copy = Copy(n, channel, group, sent, fate)
        self.copies[n, channel] = copy
        self.channels[channel].append(copy)

    def received(self, n: int, channel: str, during: Span, *, in_order: bool) -> None:
        """Somebody received a message: may they?"""
        copy = self.copies.get((n, channel))
        assert copy is not None, f"message {n} was not sent to {channel}"
        assert not copy.received, f"message {n} came twice from {channel}"
        assert during[0] - copy.sent[1] < self.expiry + self._margin(), (
            f"message {n} of {channel} came {during[0] - copy.sent[1]:.3f} s after it was sent, "
            f"with an expiry of {self.expiry}"
        )
        if in_order:
            early = [c.n for c in self._before(copy) if self.fate(c, during[1]) is Fate.SURE]
            assert not early, f"message {n} of {channel} came before {early}"
        copy.received = True

    def _before(self, copy: Copy) -> Iterable[Copy]:
        """Those unread that were sent earlier, on the same way."""
        for other in self.channels[copy.channel]:
            if other is copy:
                return
            if not other.received and other.group == copy.group:
                yield other

    def fate(self, copy: Copy, now: float) -> Fate:
        """What is owed to a copy at a time."""
        if copy.fate is Fate.SURE and now - copy.sent[0] >= self.expiry - self._margin():
            return Fate.COUNTED
        return copy.fate

    def unread(self, channels: Iterable[str], now: float, *fates: Fate) -> list[Copy]:
        """The copies in these channels that were not received and have one of these fates."""
        return [
            copy
            for channel in channels
            for copy in self.channels.get(channel, ())
            if not copy.received and self.fate(copy, now) in fates
        ]

    def demote(self, copies: Iterable[Copy], fate: Fate) -> None:
        """Less is owed to these from now on."""
        for copy in copies:
            if not copy.received and copy.fate.value < fate.value:
                copy.fate = fate

    def missing(self) -> tuple[int, int]:
        """How many drops must have been counted by now, at the least and at the most."""
        fates = [copy.fate for copy in self.copies.values() if not copy.received]
        free = fates.count(Fate.FREE)
        return len(fates) - free, len(fates) + self.doubtful

    # -- groups -------------------------------------------------------------------------

    def join(self, group: str, channel: str, during: Span) -> None:
        """A channel joined, or renewed its membership."""
        if self.group_expiry is None:
            self.groups[group][channel] = ALWAYS
        else:
            ends = (during[0] + self.group_expiry, during[1] + self.group_expiry)
            self.groups[group][channel] = ends

    def leave(self, group: str, channel: str) -> None:
        """A channel left a group."""
        self.groups[group].pop(channel, None)

    def doubt(self, channels: Collection[str]) -> None:
        """Whether these are members still can't be known."""
        for members in self.groups.values():
            for channel in members.keys() & set(channels):
                members[channel] = (-math.inf, members[channel][1])

    def members(self, group: str, during: Span) -> tuple[set[str], set[str]]:
        """The channels that are in the group for sure, and those that may be."""
        members, margin = self.groups.get(group, {}), self._margin()
        sure = {name for name, (low, _) in members.items() if during[1] < low - margin}
        maybe = {name for name, (_, high) in members.items() if during[0] < high + margin}
        lapsing = {
            name for name in sure if "!" not in name and self._may_have_expired(name, during)
        }
        return sure - lapsing, maybe

    def _may_have_expired(self, channel: str, during: Span) -> bool:
        """A normal channel whose messages expire unread may leave its groups."""
        return any(
            during[1] - copy.sent[0] >= self.expiry - self._margin()
            for copy in self.channels.get(channel, ())
        )
