"""Asks the shards for messages of the normal channels that somebody here receives from."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from ..core.demand import Ask, Demand
from ..core.inbox import Parcel
from ..core.outbox import Outbox, Release, Want
from ..errors import OutcomeUnknown
from ..mailbox import Mailbox


class Demands:
    """The demand for each normal channel. Thread-safe.

    ``add`` puts a call for a shard into the outbox of this thread's session, or the
    I/O thread's.
    """

    def __init__(
        self,
        shards: Sequence[str],
        prefetch: int,
        mailbox: Mailbox,
        add: Callable[..., None],
        on_lost: Callable[[str, int], None],
    ):
        self._shards = shards
        self._prefetch = prefetch
        self._mailbox = mailbox
        self._add = add
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._demands: dict[str, Demand] = {}

    def polled(self, channels: Iterable[str]) -> None:
        """Somebody looked at these in vain and doesn't wait."""
        for channel in channels:
            with self._lock:
                demand = self._of(channel)
                demand.starved()
                asks = demand.wanted(at_once=True)
            self._ask(channel, asks)

    def passed_over(self, channels: Iterable[str]) -> None:
        """Somebody received from one of these: the others must not starve for it."""
        for channel in channels:
            demand = self._demands.get(channel)
            if demand is None or demand.blind:
                self.polled([channel])
            else:
                demand.warm = True

    def waits(self, channels: Iterable[str]) -> None:
        """Somebody waits at these, until :meth:`left`."""
        for channel in channels:
            with self._lock:
                demand = self._of(channel)
                demand.starved()
                demand.waiting += 1
                asks = demand.wanted()
            self._ask(channel, asks)

    def left(self, channels: Iterable[str]) -> None:
        """Somebody who waited at these doesn't any more."""
        with self._lock:
            for channel in channels:
                self._of(channel).waiting -= 1

    def taken(self, channel: str, count: int) -> None:
        """Messages of a normal channel were handed over, or dropped, here."""
        with self._lock:
            demand = self._of(channel)
            demand.taken(count)
            asks = demand.wanted()
        if asks:
            self._ask(channel, asks)

    def dealt(self, channel: str, shard: str, count: int) -> None:
        """Messages of a normal channel came from a shard."""
        with self._lock:
            self._of(channel).arrived(shard, count)

    def forget_credits(self, shard: str) -> None:
        """A shard may have lost what we asked it for: ask again."""
        with self._lock:
            for demand in self._demands.values():
                demand.forget(shard)
        self.ask_again()

    def renew(self, shard: str) -> None:
        """A shard that gave nothing of a channel for long may not know that somebody waits, or
        nobody may have dealt what it has: ask it anew."""
        with self._lock:
            for demand in self._demands.values():
                demand.renew(shard)
        self.ask_again()

    def ask_again(self) -> None:
        """Ask for what those who wait want and no shard was asked for, or none heard."""
        with self._lock:
            asked = [
                (channel, demand.wanted())
                for channel, demand in self._demands.items()
                if demand.waiting
            ]
        for channel, asks in asked:
            self._ask(channel, asks)

    def forgotten(self, channel: str, count: int) -> None:
        """Messages of a normal channel lie here no more, and nobody took them."""
        with self._lock:
            self._of(channel).forgotten(count)

    def cool(self) -> None:
        """Return the messages of channels that nobody has received from since the last call."""
        with self._lock:
            cold = [channel for channel, demand in self._demands.items() if demand.cool()]
            for channel in cold:
                del self._demands[channel]
        for channel in {*cold, *self._left_lying()}:
            self._release(channel)

    def _left_lying(self) -> list[str]:
        """Channels of which messages lie here though none are wanted: they came just when the
        channel was given up, or could not be returned."""
        with self._mailbox.lock:
            lying = [channel for channel, _ in self._mailbox.inbox.unread() if "!" not in channel]
        with self._lock:
            return [channel for channel in lying if channel not in self._demands]

    def channels(self) -> list[str]:
        """The channels that messages may have been taken of."""
        with self._lock:
            return list(self._demands)

    def unread(self, channel: str) -> dict[str, list[Parcel]]:
        """What lies here of a channel, removed: by shard, oldest first."""
        with self._mailbox.lock:
            parcels = self._mailbox.inbox.take_all(channel)
        by_shard: dict[str, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            by_shard[parcel[2].shard].append(parcel)
        return by_shard

    def _of(self, channel: str) -> Demand:
        demand = self._demands.get(channel)
        if demand is None:
            demand = self._demands[channel] = Demand(self._shards, self._prefetch)
        return demand

    def _ask(self, channel: str, asks: Sequence[Ask]) -> None:
        for shard, credit, anew in asks:
            done = partial(self._asked, channel, shard)
            self._add(shard, Outbox.want, Want(channel, credit, anew, done))

    def _asked(self, channel: str, shard: str, _: object, error: BaseException | None) -> None:
        """Where a shard may not have heard, the next look at those who wait asks again."""
        if error is not None:
            self._doubt(channel, shard)

    def _doubt(self, channel: str, shard: str) -> Demand | None:
        """The credit of one channel at a shard may be gone."""
        with self._lock:
            demand = self._demands.get(channel)
            if demand is not None:
                demand.forget(shard)
        return demand

    def _release(self, channel: str) -> None:
        by_shard = self.unread(channel)
        with self._lock:  # who came meanwhile may have been told of these
            if (demand := self._demands.get(channel)) is not None:
                demand.forgotten(sum(map(len, by_shard.values())))
        for shard in self._shards:
            parcels = by_shard.get(shard, [])
            done = partial(self._released, channel, shard, parcels)
            self._add(shard, Outbox.release, Release(channel, stamps(parcels), done))

    def _released(
        self,
        channel: str,
        shard: str,
        parcels: list[Parcel],
        _: object,
        error: BaseException | None,
    ) -> None:
        # Who came meanwhile may have asked, on another connection, before the shard forgot.
        if (demand := self._doubt(channel, shard)) is not None and demand.waiting:
            self.ask_again()
        if error is None or not parcels:
            return
        if isinstance(error, OutcomeUnknown):
            # Whether the store has them again can't be known, and twice is worse than lost.
            self._on_lost(channel, len(parcels))
            return
        with self._mailbox.lock:
            waiters = self._mailbox.inbox.put_back(channel, parcels)
        self._mailbox.wake(waiters)


def stamps(parcels: Sequence[Parcel]) -> list[tuple[int, bytes]]:
    """When each message was sent (the store's milliseconds), and its body."""
    return [(receipt.sent_ms, body) for _, body, receipt in parcels]


def counted(parcels: Sequence[Parcel]) -> Mapping[str, int]:
    """How many of the parcels each shard counts."""
    return Counter(receipt.shard for _, _, receipt in parcels if receipt is not None)
