"""What arrives in a node's inbox goes to the channels of this process."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from ..core.capacity import Capacities
from ..core.envelope import DIRECT, ECHO, FLUSH, GROUP, JOIN, NORMAL, Field, parse_field, unstamped
from ..core.inbox import Parcel, Waiter
from ..core.membership import Memberships
from ..core.shared import SharedBody
from ..core.store_clock import StoreClock
from ..errors import FairwayError
from ..mailbox import LoopWaiter, Mailbox

logger = logging.getLogger("fairway.engine")

_UNLIMITED = 1 << 62


class Receipt:
    """Says that the store counts this message until it is handed over, and when it was sent."""

    __slots__ = ("sent_ms", "shard")

    def __init__(self, shard: str, sent_ms: int):
        self.shard = shard
        self.sent_ms = sent_ms


class Events(Protocol):
    """What the engine does about what arrives."""

    def handed(self, shard: str, numbers: Mapping[str, int]) -> None:
        """So many messages of each channel, which a shard counts, were handed over."""

    def dealt(self, channel: str, shard: str, count: int) -> None:
        """Messages of a normal channel came."""

    def join(self, group: str, channel: str, lasts: float) -> None:
        """Another process put one of our channels into a group."""

    def leave(self, group: str, channel: str) -> None:
        """Another process took one of our channels out of a group."""

    def flushed(self, shard: str) -> None:
        """Somebody flushed a shard."""

    def echoed(self, token: str) -> None:
        """What this node wrote into its own inbox came back."""

    def filled(self, channel: str) -> None:
        """Group messages filled a channel, which its senders can't know."""


class Delivery:
    """Sorts the entries of one shard's inbox into the mailbox."""

    def __init__(
        self,
        shard: str,
        mailbox: Mailbox,
        memberships: Memberships,
        capacities: Capacities,
        expiry: float,
        events: Events,
    ):
        self.shard = shard
        #: For messages of process-specific channels, which never go back to a queue.
        self._receipt = Receipt(shard, 0)
        self._mailbox = mailbox
        self._memberships = memberships
        self._capacities = capacities
        self._expiry = expiry
        self._events = events
        #: Whoever was woken, and is to be asked then whether it took its message.
        self._handed: list[LoopWaiter] = []
        #: Seconds to add to the store's clock to get ours; known from the first heartbeat on.
        self.clock_offset = math.inf
        self._clock = StoreClock()

    def set_clock(self, store_ms: int, asked_at: float) -> None:
        """Learn what the store's clock showed between ``asked_at`` and now, on ours."""
        self.clock_offset = self._clock.told(store_ms / 1000, asked_at, self._mailbox.clock())

    def deliver(self, sent_ms: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Put what one entry carries into the channels it is for."""
        try:
            if len(fields) == 1 and (field := parse_field(fields[0][0])).kind == DIRECT:
                # A message alone, the usual entry of a quiet node: here, for a call less.
                mailbox, now = self._mailbox, self._mailbox.clock()
                deadline = min(now, sent_ms / 1000 + self.clock_offset) + self._expiry
                parcel = (deadline, fields[0][1], self._receipt)
                with mailbox.lock:
                    waiter = mailbox.inbox.put(field.name, parcel, _UNLIMITED, now)
                if waiter is not None:
                    mailbox.wake((waiter,), self._handed)
                if mailbox.inbox.drops:
                    mailbox.report_drops()
            else:
                self._all(sent_ms, fields)
        except (FairwayError, ValueError):
            # Bytes that no sender of ours wrote cost themselves, not the node.
            logger.exception("shard %s: an entry of the inbox is not readable", self.shard)
            self._mailbox.drops.record("undecodable", self.shard, 1)

    def settle(self) -> None:
        """Whoever was woken has run: say what was handed over."""
        handed, self._handed = self._handed, []
        numbers: dict[str, int] = {}
        for waiter in handed:
            parcel, channel = waiter.parcel, waiter.channel
            if parcel is not None and parcel[2] is not None:
                numbers[channel] = numbers.get(channel, 0) + 1
        if numbers:
            self._events.handed(self.shard, numbers)

    def _all(self, sent_ms: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        waiters: list[Waiter] = []
        later: list[Callable[[], None]] = []
        now = self._mailbox.clock()
        runs = _runs(fields)
        for (kind, name), values in runs:
            if kind == NORMAL:  # before anybody, perhaps in another thread, can take one
                self._events.dealt(name, self.shard, len(values))
        with self._mailbox.lock:
            deadline = self._deadline(sent_ms, now)
            dated = Receipt(self.shard, sent_ms)
            for (kind, name), values in runs:
                if kind == DIRECT:
                    parcels = [(deadline, value, self._receipt) for value in values]
                    waiters += self._mailbox.inbox.put_all(name, parcels)
                elif kind == GROUP:
                    for value in values:
                        body = SharedBody(value)
                        body.shard = self.shard
                        parcel = (deadline, body, None)
                        waiters += self._put_for_group(name, parcel, now, later)
                elif kind == NORMAL:
                    parcels = self._unstamped(values, sent_ms, deadline, dated, now)
                    waiters += self._mailbox.inbox.put_all(name, parcels)
                else:
                    later += [partial(self._control, kind, name, value) for value in values]
        self._mailbox.wake(waiters, self._handed)
        if self._mailbox.inbox.drops:
            self._mailbox.report_drops()
        for action in later:
            action()

    def _deadline(self, sent_ms: int, now: float) -> float:
        return min(now, sent_ms / 1000 + self.clock_offset) + self._expiry

    def _unstamped(
        self, values: list[bytes], entered_ms: int, deadline: float, receipt: Receipt, now: float
    ) -> list[Parcel]:
        """Messages of a normal channel: of the time of their entry, as most are, or their own."""
        return [
            (deadline, body, receipt)
            if sent_ms == entered_ms
            else (self._deadline(sent_ms, now), body, Receipt(self.shard, sent_ms))
            for sent_ms, body in [unstamped(value, entered_ms) for value in values]
        ]

    def _put_for_group(
        self, group: str, parcel: Parcel, now: float, later: list[Callable[[], None]]
    ) -> list[Waiter]:
        members = self._memberships.members(group, now)
        waiters, full = self._mailbox.inbox.put_for_each(members, parcel, self._capacities, now)
        later.extend(partial(self._events.filled, address.name) for address in full)
        return waiters

    def _control(self, kind: str, name: str, value: bytes) -> None:
        if kind == FLUSH:
            self._events.flushed(self.shard)
        elif kind == ECHO:
            self._events.echoed(name)
        elif kind == JOIN:
            lasts, _, channel = value.decode().partition("|")
            self._events.join(name, channel, float(lasts))
        else:
            self._events.leave(name, value.decode())


def _runs(fields: Sequence[tuple[bytes, bytes]]) -> list[tuple[Field, list[bytes]]]:
    """Values of the same field that stand together: all for one channel go into it at once."""
    runs: list[tuple[Field, list[bytes]]] = []
    last, values = None, []
    for field, value in fields:
        if field == last:
            values.append(value)
        else:
            last, values = field, [value]
            runs.append((parse_field(field), values))
    return runs
