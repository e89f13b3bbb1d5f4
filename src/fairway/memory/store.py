"""Inboxes and groups in this process's memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ..core.capacity import Capacities
from ..core.inbox import READER_DIED, Full, Taken
from ..core.membership import FOR_EVER, Memberships
from ..core.meter import SAMPLE_INTERVAL, Meters
from ..core.shared import SharedBody
from ..drops import Drops
from ..errors import ChannelFull, LayerClosed
from ..forking import begin_after_fork
from ..mailbox import Mailbox
from ..names import Address
from ..types import Statistics

T = TypeVar("T")

#: How often, at most, a call also looks for expired messages everywhere (parts of the expiry).
_SWEEPS_PER_EXPIRY = 8


class MemoryStore:
    """Everything stored by the layers that share this object. Thread-safe.

    ``expiry`` and ``group_expiry`` are seconds (``None``: memberships do not end by
    time); ``clock`` gives seconds that only go forward.
    """

    def __init__(
        self,
        *,
        expiry: float = 60,
        group_expiry: float | None = 86400,
        capacities: Capacities | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.expiry = expiry
        self.group_expiry = FOR_EVER if group_expiry is None else group_expiry
        self.capacities = capacities or Capacities(100)
        self._clock = clock
        self.begin_after_fork()
        begin_after_fork(self)

    def begin_after_fork(self) -> None:
        """Start empty: a child can't reach its parent's memory."""
        clock = self._clock
        self.drops = Drops(clock)
        self._mailbox = Mailbox(clock, self.drops)
        self.receive = self._mailbox.take
        self._lock = self._mailbox.lock
        self._groups = Memberships()
        self._meters = Meters(clock())
        self._tidies_at = clock() + min(SAMPLE_INTERVAL, self.expiry)
        self._sweeps_at = clock() + self.expiry / _SWEEPS_PER_EXPIRY

    def send(self, address: Address, body: bytes, capacity: int) -> None:
        now = self._clock()
        inbox = self._mailbox.inbox
        channel, box, _ = address
        try:
            self._lock.acquire()  # up to Python 3.11, `with` would cost twice as much
            try:
                waiter = inbox.put(channel, (now + self.expiry, body, None), capacity, now)
                counts = self._meters.counts
                counts[box] = counts.get(box, 0) + 1
            finally:
                self._lock.release()
        except Full:
            with self._lock:
                self._meters.count_full(box, 1)
            raise ChannelFull(
                f"channel {channel!r} holds {capacity} unread messages, its capacity"
            ) from None
        finally:
            if now >= self._tidies_at or inbox.drops:
                self._tidy(now)
        if waiter is not None:
            self._mailbox.wake((waiter,))

    def receive_blocking(self, channels: Sequence[str], timeout: float | None) -> Taken | None:
        return self._mailbox.wait_blocking(channels, timeout)

    async def begin(self) -> None:
        """Nothing to do: every channel's store is this object."""

    async def group_add(self, group: str, address: Address) -> None:
        with self._lock:
            self._groups.add(group, address, self._clock() + self.group_expiry)

    async def group_discard(self, group: str, address: Address) -> None:
        with self._lock:
            self._groups.discard(group, address.name)

    async def forget_channel(self, address: Address) -> None:
        with self._lock:
            self._groups.discard_channel(address.name)
        self._mailbox.drop_all(READER_DIED, address.name)

    async def group_channels(self, group: str) -> list[str]:
        with self._lock:
            members = self._groups.members(group, self._clock())
        return [address.name for address in members]

    def group_send(self, group: str, body: bytes) -> None:
        now = self._clock()
        parcel = (now + self.expiry, SharedBody(body), None)
        with self._lock:
            members = self._groups.members(group, now)
            waiters, full = self._mailbox.inbox.put_for_each(members, parcel, self.capacities, now)
            self._meters.count_group(members, full)
        self._mailbox.wake(waiters)
        if now >= self._tidies_at or self._mailbox.inbox.drops:
            self._tidy(now)

    async def statistics(self, address: Address | None) -> Statistics:
        self._mailbox.sweep()
        now = self._clock()
        with self._lock:
            figures = self._figures_of_all(now) if address is None else self._figures(address, now)
        figures["drops"] = self.drops.counts()
        return figures

    async def flush(self) -> None:
        with self._lock:
            self._mailbox.inbox.clear()
            self._groups.clear()

    async def close(self) -> None:
        """Nothing will come here any more: who waits for a message gets :class:`LayerClosed`."""
        self._mailbox.dismiss(LayerClosed("the layer was closed"))

    def abandon(self) -> None:
        """Nothing to do: memory is freed by itself."""

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        # These coroutines never wait, so one step carries them out, in any thread.
        try:
            call.send(None)
        except StopIteration as finished:
            result: T = finished.value
            return result
        raise RuntimeError("a call of the memory store waited")

    def forget_node(self, node: str) -> None:
        """End every membership of this node's channels: it closed."""
        with self._lock:
            self._groups.discard_node(node)

    def _figures(self, address: Address, now: float) -> Statistics:
        inbox, meters = self._mailbox.inbox, self._meters
        return {
            "messages_count": meters.counts.get(address.inbox, 0),
            "messages_count_per_second": meters.rate(now, address.inbox),
            "messages_pending": inbox.pending(address.name),
            "messages_max_age": self._age(inbox.oldest([address.name]), now),
            "channel_full_count": meters.fulls.get(address.inbox, 0),
        }

    def _figures_of_all(self, now: float) -> Statistics:
        unread = [count for _, count in self._mailbox.inbox.unread()]
        self._groups.expire(now)
        return {
            "messages_count": self._meters.total,
            "messages_count_per_second": self._meters.rate(now),
            "messages_pending": sum(unread),
            "messages_max_age": self._age(self._mailbox.inbox.oldest(), now),
            "channel_full_count": self._meters.total_full,
            "groups": len(self._groups),
            "channels": len(unread),
        }

    def _age(self, deadline: float | None, now: float) -> float:
        return 0.0 if deadline is None else max(0.0, now - (deadline - self.expiry))

    def _tidy(self, now: float) -> None:
        """Housekeeping paid for by whoever sends: memory has no process of its own to do it."""
        if now >= self._tidies_at:
            self._tidies_at = now + min(SAMPLE_INTERVAL, self.expiry)
            with self._lock:
                self._meters.tick(now)
        if now >= self._sweeps_at:
            self._sweeps_at = now + self.expiry / _SWEEPS_PER_EXPIRY
            with self._lock:
                self._groups.expire(now)
            self._mailbox.sweep()
        self._mailbox.report_drops()
