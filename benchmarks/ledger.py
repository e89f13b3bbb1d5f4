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


#: After these a message must not arrive.
_IMPOSSIBLE = {Fate.FULL, Fate.REFUSED}


class Sent:
    """One message: what its sender heard, and where it is due and arrived."""

    __slots__ = ("arrived", "channels", "fate", "number", "sender")

    def __init__(self, number: int, sender: str, channels: Sequence[str]):
        self.number = number
        self.sender = sender
        self.channels = channels
        self.fate = Fate.PENDING
        #: The channels it was received from, each as often as it was.
        self.arrived: list[str] = []

    def missing(self) -> list[str]:
        """The channels where it is due and was not received."""
        return [channel for channel in self.channels if channel not in self.arrived]


class Ledger:
    """Thread-safe. A message is due at every channel it was sent to, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._last: dict[tuple[str, str], int] = {}
        #: What should not have been received, in words.
        self.faults: list[str] = []

    # -- sending ------------------------------------------------------------------------

    async def send(self, layer: ChannelLayer, channel: str, sender: str) -> Fate:
        """Send a message that says who it is, and note what came of it."""
        sent = self.enter([channel], sender)
        try:
            await layer.send(channel, {"number": sent.number})
        except (ChannelFull, StoreUnavailable) as error:
            sent.fate = fate_of(error)
        else:
            sent.fate = Fate.STORED
        return sent.fate

    async def group_send(
        self, layer: ChannelLayer, group: str, members: Sequence[str], sender: str
    ) -> Fate:
        """Send to a group with these members."""
        sent = self.enter(members, sender)
        try:
            await layer.group_send(group, {"number": sent.number})
        except StoreUnavailable as error:
            sent.fate = fate_of(error)
        else:
            sent.fate = Fate.STORED
        return sent.fate

    def enter(self, channels: Sequence[str], sender: str) -> Sent:
        """A new message, due at these channels."""
        with self._lock:
            sent = Sent(len(self._sent), sender, channels)
            self._sent.append(sent)
        return sent

    # -- receiving ------------------------------------------------------------------------

    def received(self, channel: str, message: dict[str, Any]) -> None:
        """Somebody received ``message`` from ``channel``."""
        with self._lock:
            sent = self._sent[message["number"]]
            if channel not in sent.channels:
                self.faults.append(f"{sent.number}, for {sent.channels}, came to {channel}")
            if channel in sent.arrived:
                self.faults.append(f"{sent.number} came to {channel} twice")
            sent.arrived.append(channel)
            if "!" in channel:
                self._check_order(sent, channel)

    def _check_order(self, sent: Sent, channel: str) -> None:
        before = self._last.get((sent.sender, channel), -1)
        if sent.number < before:
            self.faults.append(
                f"{sent.number} came to {channel} after {before}, from {sent.sender}"
            )
        self._last[sent.sender, channel] = max(before, sent.number)

    # -- the balance ------------------------------------------------------------------------

    def fates(self) -> Counter[str]:
        """How many messages met each fate."""
        with self._lock:
            return Counter(sent.fate.value for sent in self._sent)

    def arrivals(self) -> int:
        """How many messages were received."""
        with self._lock:
            return sum(len(sent.arrived) for sent in self._sent)

    def missing(self, since: int = 0, before: int | None = None) -> list[tuple[int, str]]:
        """Stored messages that did not arrive, of those with numbers in this range."""
        with self._lock:
            return [
                (sent.number, channel)
                for sent in self._sent[since:before]
                if sent.fate is Fate.STORED
                for channel in sent.missing()
            ]

    def reached(self, since: int) -> set[str]:
        """The channels where messages with numbers from ``since`` on arrived."""
        with self._lock:
            return {channel for sent in self._sent[since:] for channel in sent.arrived}

    def unsettled(self) -> list[int]:
        """Messages whose senders heard nothing."""
        with self._lock:
            return [sent.number for sent in self._sent if sent.fate is Fate.PENDING]

    def check(self) -> None:
        """Raise AssertionError unless nothing came twice, in disorder, or after a refusal."""
        with self._lock:
            ghosts = [
                sent.number for sent in self._sent if sent.fate in _IMPOSSIBLE and sent.arrived
            ]
        assert not self.faults, self.faults[:10]
        assert not ghosts, f"received though the sender heard that they were not stored: {ghosts}"

    def __len__(self) -> int:
        with self._lock:
            return len(self._sent)


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
