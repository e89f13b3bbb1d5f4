"""What arrives in a node's inbox goes to the channels of this process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from ..core.capacity import Capacities
from ..core.envelope import DIRECT, ECHO, FLUSH, GROUP, JOIN, NORMAL, parse_field, unstamped
from ..core.inbox import Parcel, Waiter
from ..core.membership import Memberships
from ..core.shared import SharedBody
from ..mailbox import Mailbox

_UNLIMITED = 1 << 62


class Receipt:
    """Says that the store counts this message until it is handed over."""

    __slots__ = ("sent_ms", "shard")

    def __init__(self, shard: str, sent_ms: int):
        self.shard = shard
        self.sent_ms = sent_ms


class Events(Protocol):
    """What the engine does about what arrives."""

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
        self._mailbox = mailbox
        self._memberships = memberships
        self._capacities = capacities
        self._expiry = expiry
        self._events = events
        #: Seconds to add to the store's clock to get ours; known from the first heartbeat on.
        self.clock_offset = math.nan

    def set_clock(self, store_ms: int, asked_at: float) -> None:
        """Learn what the store's clock showed between ``asked_at`` and now, on ours."""
        self.clock_offset = (self._mailbox.clock() + asked_at) / 2 - store_ms / 1000

    def entry(self, sent_ms: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Put what one entry carries into the channels it is for."""
        if len(fields) == 1:
            field, value = fields[0]
            kind, name = parse_field(field)
            if kind == DIRECT:
                self._only(sent_ms, name, value)
                return
        self._all(sent_ms, fields)

    def _only(self, sent_ms: int, channel: str, value: bytes) -> None:
        """A single message for a process-specific channel: the usual entry of a quiet node."""
        mailbox = self._mailbox
        now = mailbox.clock()
        with mailbox.lock:
            parcel = (self._deadline(sent_ms, now), value, Receipt(self.shard, sent_ms))
            waiter = mailbox.inbox.put(channel, parcel, _UNLIMITED, now)
        if waiter is not None:
            mailbox.wake((waiter,))
        if mailbox.inbox.drops:
            mailbox.report_drops()

    def _all(self, sent_ms: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        waiters: list[Waiter] = []
        later: list[Callable[[], None]] = []
        dealt: dict[str, int] = {}
        now = self._mailbox.clock()
        with self._mailbox.lock:
            deadline = self._deadline(sent_ms, now)
            receipt = Receipt(self.shard, sent_ms)
            for field, values in _runs(fields):
                kind, name = parse_field(field)
                if kind == DIRECT:
                    parcels = [(deadline, value, receipt) for value in values]
                    waiters += self._mailbox.inbox.put_all(name, parcels)
                elif kind == GROUP:
                    for value in values:
                        body = SharedBody(value)
                        body.shard = self.shard
                        parcel = (deadline, body, None)
                        waiters += self._put_for_group(name, parcel, now, later)
                elif kind == NORMAL:
                    parcels = self._unstamped(values, sent_ms, deadline, receipt, now)
                    waiters += self._mailbox.inbox.put_all(name, parcels)
                    dealt[name] = dealt.get(name, 0) + len(values)
                else:
                    later += [partial(self._control, kind, name, value) for value in values]
        for channel, count in dealt.items():
            self._events.dealt(channel, self.shard, count)
        self._mailbox.wake(waiters)
        if self._mailbox.inbox.drops:
            self._mailbox.report_drops()
        for action in later:
            action()

    def _deadline(self, sent_ms: int, now: float) -> float:
        if math.isnan(self.clock_offset):
            return now + self._expiry
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


def _runs(fields: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, list[bytes]]]:
    """Values of the same field that stand together: all for one channel go into it at once."""
    runs: list[tuple[bytes, list[bytes]]] = []
    last, values = None, []
    for field, value in fields:
        if field == last:
            values.append(value)
        else:
            last, values = field, [value]
            runs.append((field, values))
    return runs
