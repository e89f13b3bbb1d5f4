"""A store for places that can't wake anybody: looked at again and again by whoever waits.

All rules are here (capacity, expiry, groups, the end of a node, figures); a subclass says
only how things are kept, in the few short abstract verbs of :class:`PolledStore`. See
docs/custom-layer.md.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from .core.inbox import EXPIRED, OVER_CAPACITY, READER_DIED, Taken
from .core.membership import FOR_EVER
from .core.meter import Meters
from .drops import Drops
from .engine.replies import run
from .errors import LayerClosed, channel_full
from .names import Address, address_of
from .types import Statistics

if TYPE_CHECKING:
    from .layer import ChannelLayer

#: Seconds between two looks of whoever waits for a message.
LOOK_EVERY = 0.01


class PolledStore(ABC):
    """A :class:`fairway.store.Store` over verbs that return at once.

    Messages, groups and drops are those of all processes; ``messages_count`` and
    ``channel_full_count`` are of this one. Times are seconds since 1970.
    """

    def __init__(self, layer: ChannelLayer, node: str, *, clock: Callable[[], float] = time.time):
        self.node = node
        self._clock = clock
        self.drops = Drops(time.monotonic)
        self._expiry = layer.expiry
        self._group_expiry = FOR_EVER if layer.group_expiry is None else layer.group_expiry
        self._capacities = layer.capacities
        self._meters = Meters(self._clock())
        self._dropped: list[tuple[str, str, int]] = []
        self._begun = self._closed = False
        #: The channels that held messages at the last look of anybody in this process.
        self._filled: set[str] = set()
        self._look_at = 0.0
        self.run = run  # no call of this store waits

    # -- what a subclass says ---------------------------------------------------------------

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Keeps all other threads and processes out of the store; all verbs below are within."""

    @abstractmethod
    def channels(self) -> Collection[str]:
        """The channels that hold messages."""

    @abstractmethod
    def unread(self, channel: str) -> list[tuple[str, float]]:
        """What ``channel`` holds, oldest first: a key of each message, and when it was put."""

    @abstractmethod
    def put(self, channel: str, body: bytes) -> None:
        """Append a message."""

    @abstractmethod
    def take(self, channel: str, key: str) -> bytes:
        """Remove a message and return its body."""

    @abstractmethod
    def groups(self) -> Collection[str]:
        """The groups that have members."""

    @abstractmethod
    def members(self, group: str) -> Mapping[str, float]:
        """The channels in ``group``, and until when each is."""

    @abstractmethod
    def add_member(self, group: str, channel: str, until: float) -> None:
        """Add a membership, or change its end; infinity is one."""

    @abstractmethod
    def remove_member(self, group: str, channel: str) -> None:
        """End a membership, if there is one."""

    @abstractmethod
    def begin_to_live(self) -> None:
        """Let the other processes see from now on that this node lives."""

    @abstractmethod
    def end_to_live(self) -> None:
        """The contrary; also called by itself, in any thread, and for a node that never lived."""

    @abstractmethod
    def living(self) -> Collection[str]:
        """The nodes whose processes live."""

    @abstractmethod
    def clear(self) -> None:
        """Forget all messages and groups."""

    # -- messages -----------------------------------------------------------------------------

    def send(self, address: Address, body: bytes, capacity: int) -> None:
        with self._turn():
            if not self._put(address, body, capacity):
                raise channel_full(address.name, capacity)

    async def receive(self, channels: Sequence[str], timeout: float | None) -> Taken | None:
        taken = self._take(channels)
        for pause in self._pauses(timeout):
            if taken is not None:
                break
            await asyncio.sleep(pause)
            taken = self._take_if_filled(channels)
        return taken

    def receive_blocking(self, channels: Sequence[str], timeout: float | None) -> Taken | None:
        taken = self._take(channels)
        for pause in self._pauses(timeout):
            if taken is not None:
                break
            time.sleep(pause)
            taken = self._take_if_filled(channels)
        return taken

    # -- groups -------------------------------------------------------------------------------

    async def group_add(self, group: str, address: Address) -> None:
        with self._turn():
            self.add_member(group, address.name, self._clock() + self._group_expiry)

    async def group_discard(self, group: str, address: Address) -> None:
        with self._turn():
            self.remove_member(group, address.name)

    def group_send(self, group: str, body: bytes) -> None:
        with self._turn():
            for address in self._members(group, self._alive()):
                if not self._put(address, body, self._capacities.of(address)):
                    self._dropped.append((OVER_CAPACITY, address.name, 1))

    async def group_channels(self, group: str) -> list[str]:
        with self._turn():
            return [address.name for address in self._members(group, self._alive())]

    # -- the node and the whole -----------------------------------------------------------------

    async def begin(self) -> None:
        with self._turn():
            pass  # a turn begins it

    async def forget_channel(self, address: Address) -> None:
        with self._turn():
            for group in list(self.groups()):
                self.remove_member(group, address.name)
            self._drop_all(address.name)

    async def flush(self) -> None:
        with self._turn():
            self.clear()

    async def close(self) -> None:
        with self._turn():
            self._closed = True
            self.end_to_live()
            self._bury(self._alive())

    def abandon(self) -> None:
        self.end_to_live()

    async def statistics(self, address: Address | None) -> Statistics:
        with self._turn():
            alive = self._alive()
            self._bury(alive)
            names = list(self.channels()) if address is None else [address.name]
            unread = [messages for name in names if (messages := self._unexpired(name))]
            groups = [group for group in list(self.groups()) if self._members(group, alive)]
        meters, now, inbox = self._meters, self._clock(), address.inbox if address else None
        return {
            "messages_count": meters.counts.get(inbox, 0) if inbox else meters.total,
            "messages_count_per_second": meters.rate(now, inbox),
            "messages_pending": sum(map(len, unread)),
            "messages_max_age": now - min((messages[0][1] for messages in unread), default=now),
            "channel_full_count": meters.fulls.get(inbox, 0) if inbox else meters.total_full,
            "drops": self.drops.counts(),
            "groups": len(groups),
            "channels": len(unread),
        }

    # -- the rules ------------------------------------------------------------------------------

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Alone with the store, as a node that lives; then tell what was dropped."""
        with self.alone():
            if not self._begun:
                self.begin_to_live()
                self._begun = True
            try:
                yield
            finally:
                dropped, self._dropped = self._dropped, []
        for drop in dropped:
            self.drops.record(*drop)

    def _put(self, address: Address, body: bytes, capacity: int) -> bool:
        if len(self._unexpired(address.name)) >= capacity:
            self._meters.count_full(address.inbox, 1)
            return False
        self.put(address.name, body)
        self._meters.count(address.inbox, 1)
        return True

    def _take(self, channels: Sequence[str]) -> Taken | None:
        if self._closed:
            raise LayerClosed("the layer was closed")
        with self._turn():
            for channel in random.sample(channels, len(channels)):  # a busy one starves no other
                for key, _ in self._unexpired(channel):
                    return channel, (math.inf, self.take(channel, key), None)
        return None

    def _take_if_filled(self, channels: Sequence[str]) -> Taken | None:
        """:meth:`_take`, after one look for all who wait in this process: most find nothing."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            with self._turn():
                self._filled = set(self.channels())
        if self._closed or not self._filled.isdisjoint(channels):
            return self._take(channels)
        return None

    def _unexpired(self, channel: str) -> list[tuple[str, float]]:
        messages = self.unread(channel)
        while messages and messages[0][1] <= self._clock() - self._expiry:
            self._drop(EXPIRED, channel, messages.pop(0)[0])
        return messages

    def _members(self, group: str, alive: Collection[str | None]) -> list[Address]:
        members = []
        for channel, until in list(self.members(group).items()):
            address = address_of(channel)
            if until > self._clock() and address.node in alive:
                members.append(address)
            else:
                self.remove_member(group, channel)
        return members

    def _alive(self) -> Collection[str | None]:
        """The living; None too, since nobody has to live for a normal channel."""
        return {None, *self.living()}

    def _bury(self, alive: Collection[str | None]) -> None:
        for channel in list(self.channels()):
            if address_of(channel).node not in alive:
                self._drop_all(channel)

    def _drop_all(self, channel: str) -> None:
        for key, _ in self._unexpired(channel):
            self._drop(READER_DIED, channel, key)

    def _drop(self, cause: str, channel: str, key: str) -> None:
        self.take(channel, key)
        self._dropped.append((cause, channel, 1))

    @staticmethod
    def _pauses(timeout: float | None) -> Iterator[float]:
        ends = math.inf if timeout is None else time.monotonic() + timeout
        while (left := ends - time.monotonic()) > 0:
            yield min(left, LOOK_EVERY)
