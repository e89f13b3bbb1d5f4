"""A ledger of every message sent: what its sender heard, and who received it."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from fairway.errors import ChannelFull, OutcomeUnknown, StoreUnavailable
from fairway.layer import ChannelLayer


class Fate(Enum):
    """What the sender heard."""

    PENDING = "not settled"
    STORED = "stored"
    FULL = "channel full"
    REFUSED = "not carried out"
    UNKNOWN = "outcome unknown"


class Sent:
    """One message: what its sender heard, and where it is still due."""

    __slots__ = ("channels", "due", "excused", "fate", "number", "sender")

    def __init__(self, number: int, sender: str, channels: Sequence[str]):
        self.number = number
        self.sender = sender
        self.channels = channels
        self.due = set(channels)
        self.fate = Fate.PENDING
        #: Whether its loss is no fault of the layer's.
        self.excused = False


class Ledger:
    """Thread-safe. A message is due at every channel it was sent to, once.

    What arrived everywhere is forgotten, so that a ledger can be kept for hours.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = 0
        self._open: dict[int, Sent] = {}
        self._refused: set[int] = set()
        self._fates: Counter[str] = Counter()
        self._arrivals = 0
        self._last: dict[tuple[str, str], int] = {}
        self._latest: dict[str, int] = {}
        self._latest_of_group: dict[str, int] = {}
        #: What should not have been received, in words.
        self.faults: list[str] = []

    # -- sending ------------------------------------------------------------------------

    async def send(self, layer: ChannelLayer, channel: str, sender: str) -> Fate:
        """Send a message that says who it is, and note what came of it."""
        sent = self.enter([channel], sender)
        try:
            await layer.send(channel, self.message(sent))
        except (ChannelFull, StoreUnavailable) as error:
            return self.settle(sent, fate_of(error))
        return self.settle(sent, Fate.STORED)

    async def group_send(
        self, layer: ChannelLayer, group: str, members: Sequence[str], sender: str
    ) -> Fate:
        """Send to a group with these members."""
        sent = self.enter(members, sender)
        try:
            await layer.group_send(group, self.message(sent))
        except StoreUnavailable as error:
            return self.settle(sent, fate_of(error))
        return self.settle(sent, Fate.STORED)

    def enter(self, channels: Sequence[str], sender: str) -> Sent:
        """A new message, due at these channels."""
        with self._lock:
            sent = self._open[self._numbers] = Sent(self._numbers, sender, channels)
            self._numbers += 1
        return sent

    @staticmethod
    def message(sent: Sent) -> dict[str, Any]:
        """What travels."""
        return {"number": sent.number, "sender": sent.sender, "group": len(sent.channels) > 1}

    def settle(self, sent: Sent, fate: Fate) -> Fate:
        """Note what the sender heard."""
        with self._lock:
            sent.fate = fate
            self._fates[fate.value] += 1
            if fate in (Fate.FULL, Fate.REFUSED):
                if len(sent.due) < len(sent.channels):
                    self.faults.append(f"{sent.number} arrived, and its sender heard: {fate.value}")
                self._refused.add(sent.number)
                self._open.pop(sent.number, None)
            elif not sent.due:
                self._open.pop(sent.number, None)
        return fate

    # -- receiving ------------------------------------------------------------------------

    def received(self, channel: str, message: dict[str, Any]) -> None:
        """Somebody received ``message`` from ``channel``."""
        number = message["number"]
        with self._lock:
            self._arrivals += 1
            self._latest[channel] = max(number, self._latest.get(channel, -1))
            if message["group"]:
                self._latest_of_group[channel] = max(number, self._latest_of_group.get(channel, -1))
            self._strike_off(number, channel)
            if "!" in channel:
                self._check_order(number, message["sender"], channel)

    def _strike_off(self, number: int, channel: str) -> None:
        sent = self._open.get(number)
        if number in self._refused:
            self.faults.append(f"{number} came to {channel}, and its sender heard that it was not")
        elif sent is None or channel not in sent.due:
            self.faults.append(f"{number} came to {channel} twice, or is not for it")
        else:
            sent.due.discard(channel)
            if not sent.due and sent.fate is not Fate.PENDING:
                del self._open[number]

    def _check_order(self, number: int, sender: str, channel: str) -> None:
        before = self._last.get((sender, channel), -1)
        if number < before:
            self.faults.append(f"{number} came to {channel} after {before}, from {sender}")
        self._last[sender, channel] = max(before, number)

    # -- the balance ------------------------------------------------------------------------

    def fates(self) -> Counter[str]:
        """How many messages met each fate."""
        with self._lock:
            return self._fates.copy()

    def arrivals(self) -> int:
        """How many messages were received."""
        with self._lock:
            return self._arrivals

    def reached(self, since: int) -> set[str]:
        """The channels where a message with a number from ``since`` on arrived."""
        with self._lock:
            return {channel for channel, number in self._latest.items() if number >= since}

    def reached_by_group(self, since: int) -> set[str]:
        """:meth:`reached` by messages to a group."""
        with self._lock:
            latest = self._latest_of_group.items()
            return {channel for channel, number in latest if number >= since}

    def missing(self, since: int = 0, before: int | None = None) -> list[tuple[int, str]]:
        """Stored messages that did not arrive, of those with numbers in this range."""
        with self._lock:
            return [
                (sent.number, channel)
                for sent in self._open.values()
                if sent.fate is Fate.STORED and not sent.excused
                if sent.number >= since and (before is None or sent.number < before)
                for channel in sorted(sent.due)
            ]

    def excuse(self, before: int) -> int:
        """The store lost its data: how many messages of before did not arrive, and need not."""
        excused = len(self.missing(before=before))
        with self._lock:
            for sent in self._open.values():
                if sent.number < before:
                    sent.excused = True
        return excused

    def unsettled(self) -> list[int]:
        """Messages whose senders heard nothing."""
        with self._lock:
            return [sent.number for sent in self._open.values() if sent.fate is Fate.PENDING]

    def check(self) -> None:
        """Raise AssertionError if anything came twice, in disorder, or after a refusal."""
        assert not self.faults, self.faults[:10]

    def __len__(self) -> int:
        with self._lock:
            return self._numbers


def fate_of(error: BaseException) -> Fate:
    """What an error tells the sender."""
    if isinstance(error, OutcomeUnknown):
        return Fate.UNKNOWN
    return Fate.FULL if isinstance(error, ChannelFull) else Fate.REFUSED


def by_channel(missing: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Missing messages by channel, for people to read."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, channel in missing:
        found[channel].append(number)
    return dict(found)
