"""The messages waiting in this process, by channel, and who waits for them.

The rules in one place: FIFO per channel, at most once, bounded, expiring. Nothing
here waits: a message that somebody waits for is handed to that waiter, and the
waiter returned, for the caller (which holds the lock) to wake once the lock is
free. A waiter that is cancelled before it woke gives its message back, to the front.
"""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from ..names import Address
from .capacity import Capacities

#: Causes of drops, as counted and logged.
EXPIRED = "expired"
OVER_CAPACITY = "over_capacity"
READER_DIED = "reader_died"

#: A message as it waits: the instant after which nobody may read it, its encoded body, and
#: what the store wants to hear of when it is handed over (opaque here). A plain tuple, since
#: one is made for every message: a NamedTuple costs as much as all the rest of ``put``.
Parcel = tuple[float, bytes, Any]

#: A parcel with the channel it stood in.
Taken = tuple[str, Parcel]

#: Empty queues are kept for their next message; from this many on they are cleaned away.
_CLEAN_FROM = 256


class Full(Exception):
    """The channel holds as many unread messages as it may."""


class Waiter:
    """Somebody waiting for a message on any of ``channels``; ``parcel`` came, in ``channel``.

    ``turn``: its place among all that were handed over, for when it comes back.
    """

    __slots__ = ("channel", "channels", "parcel", "turn")

    turn: int

    def __init__(self, channels: Sequence[str]):
        self.channels = channels
        self.channel = ""
        self.parcel: Parcel | None = None

    @property
    def taken(self) -> Taken | None:
        """What came, with the channel it stood in; None until then."""
        return None if self.parcel is None else (self.channel, self.parcel)

    def dismiss(self, error: Exception) -> None:
        """Tell the waiter that nothing will come, by an error."""
        raise NotImplementedError

    def wake(self) -> bool:
        """Tell the waiter that ``taken`` is there; False if it can't be told any more."""
        raise NotImplementedError


WaiterT = TypeVar("WaiterT", bound=Waiter)


class Drop(NamedTuple):
    """Messages given up, and why."""

    cause: str
    channel: str
    parcels: list[Parcel]


class _Queue:
    __slots__ = ("parcels", "returned", "waiters")

    def __init__(self) -> None:
        self.parcels: deque[Parcel] = deque()
        #: The first of them, that waiters gave back, with their turns; and some long gone.
        self.returned: list[tuple[int, Parcel]] = []
        self.waiters: dict[Waiter, None] = {}

    def forget_taken(self) -> None:
        """Strike from those that were given back what is here no more."""
        while self.returned and not (self.parcels and self.returned[0][1] is self.parcels[0]):
            del self.returned[0]


class Inbox:
    """Queues of parcels by channel name. Not thread-safe: the caller holds a lock.

    Times are seconds on any clock that only goes forward, the same in every call.
    """

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._clean_at = _CLEAN_FROM
        self._lot = Random(0).random
        #: How many messages were handed to waiters.
        self._turn = 0
        #: What was dropped and not collected yet; empty is the rule.
        self.drops: list[Drop] = []

    # -- putting in ---------------------------------------------------------------

    def put(self, channel: str, parcel: Parcel, limit: int, now: float) -> Waiter | None:
        """Append ``parcel``, or hand it to a waiter, who is then to be woken.

        Raises :class:`Full` if ``limit`` unread ones are there.
        """
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._new_queue(channel)
        elif queue.waiters:
            return self._hand_over(channel, parcel, queue)
        parcels = queue.parcels
        if len(parcels) >= limit:
            self._expire(channel, queue, now)
            if len(parcels) >= limit:
                raise Full
        parcels.append(parcel)
        return None

    def put_all(self, channel: str, parcels: list[Parcel]) -> list[Waiter]:
        """:meth:`put` each of these, whatever is there; whom to wake."""
        queue = self._queues.get(channel) or self._new_queue(channel)
        if not queue.waiters:
            queue.parcels += parcels
            return []
        handed = min(len(parcels), len(queue.waiters))
        queue.parcels += parcels[handed:]
        return [self._hand_over(channel, parcel, queue) for parcel in parcels[:handed]]

    def put_for_each(
        self,
        addresses: Iterable[Address],
        parcel: Parcel,
        capacities: Capacities,
        now: float,
    ) -> tuple[list[Waiter], list[Address]]:
        """:meth:`put` one parcel in many channels: whom to wake, and which channels were full.

        Those miss it, which is noted among the drops.
        """
        waiters, full = [], []
        uniform = capacities.uniform
        for address in addresses:
            channel = address[0]
            limit = uniform or capacities.of(address)
            queue = self._queues.get(channel)
            if queue is not None:  # the usual cases, for a call less
                if queue.waiters:
                    waiters.append(self._hand_over(channel, parcel, queue))
                    continue
                if len(queue.parcels) < limit:
                    queue.parcels.append(parcel)
                    continue
            try:
                self.put(channel, parcel, limit, now)
            except Full:
                self.drop(OVER_CAPACITY, channel, [parcel])
                full.append(address)
        return waiters, full

    def put_back(self, channel: str, parcels: Sequence[Parcel]) -> list[Waiter]:
        """Return what was taken and not used to the front, oldest first; whom to wake for it."""
        queue = self._queues.get(channel) or self._new_queue(channel)
        handed = min(len(parcels), len(queue.waiters))
        for parcel in reversed(parcels[handed:]):
            _insert(queue.parcels, parcel)
        return [self._hand_over(channel, parcel, queue) for parcel in parcels[:handed]]

    def drop(self, cause: str, channel: str, parcels: list[Parcel]) -> None:
        """Note that these will not be handed over."""
        self.drops.append(Drop(cause, channel, parcels))

    def without_receipt(self, channel: str) -> int:
        """How many parcels of ``channel`` have none."""
        queue = self._queues.get(channel)
        return 0 if queue is None else sum(parcel[2] is None for parcel in queue.parcels)

    def mark(self, channel: str, receipt: Any, most: int) -> int:
        """Give ``receipt`` to parcels of ``channel`` that have none; how many those were."""
        queue, marked = self._queues.get(channel), 0
        if queue is None:
            return 0
        for place, (deadline, body, former) in enumerate([*queue.parcels]):
            if former is None and marked < most:
                queue.parcels[place] = (deadline, body, receipt)
                marked += 1
        return marked

    # -- taking out ---------------------------------------------------------------

    def take(self, channel: str, now: float) -> Parcel | None:
        """The oldest unexpired parcel of ``channel``, removed."""
        queue = self._queues.get(channel)
        if queue is None or not (parcels := queue.parcels):
            return None
        if parcels[0][0] <= now:
            self._expire(channel, queue, now)
            if not parcels:
                return None
        return parcels.popleft()

    def take_any(self, channels: Sequence[str], now: float) -> tuple[str, Parcel] | None:
        """The oldest parcel of one of ``channels``.

        Where to begin is drawn by lot, so that a busy channel doesn't starve a quiet one:
        taking turns would follow the rhythm of other readers.
        """
        if len(channels) == 1:
            parcel = self.take(channels[0], now)
            return None if parcel is None else (channels[0], parcel)
        first = int(self._lot() * len(channels))
        for i in range(len(channels)):
            channel = channels[i - first]
            parcel = self.take(channel, now)
            if parcel is not None:
                return channel, parcel
        return None

    def take_or_enlist(
        self,
        channels: Sequence[str],
        clock: Callable[[], float],
        make_waiter: Callable[[Sequence[str]], WaiterT],
    ) -> Taken | WaiterT:
        """:meth:`take_any`, or a waiter put in line: one look for both at a single channel."""
        if len(channels) == 1:
            channel = channels[0]
            queue = self._queues.get(channel)
            if queue is not None:
                parcels = queue.parcels
                if parcels:
                    if parcels[0][0] <= (now := clock()):
                        self._expire(channel, queue, now)
                    if parcels:
                        return channel, parcels.popleft()
                waiter = make_waiter(channels)
                queue.waiters[waiter] = None
                return waiter
        taken = self.take_any(channels, clock())
        if taken is not None:
            return taken
        waiter = make_waiter(channels)
        self.enlist(waiter)
        return waiter

    def take_all(self, channel: str) -> list[Parcel]:
        """Everything unread in ``channel``, removed, oldest first."""
        queue = self._queues.get(channel)
        if queue is None:
            return []
        parcels = list(queue.parcels)
        queue.parcels.clear()
        return parcels

    # -- waiting ------------------------------------------------------------------

    def enlist(self, waiter: Waiter) -> None:
        """Register a waiter behind the others; its channels must have been found empty."""
        for channel in waiter.channels:
            queue = self._queues.get(channel) or self._new_queue(channel)
            queue.waiters[waiter] = None

    def forget(self, waiter: Waiter) -> list[Waiter]:
        """Remove a waiter that gave up, its message put back; whom to wake for that."""
        self.withdraw(waiter)
        parcel, waiter.parcel = waiter.parcel, None
        return [] if parcel is None else self._give_back(waiter.channel, parcel, waiter.turn)

    def _give_back(self, channel: str, parcel: Parcel, turn: int) -> list[Waiter]:
        """Return a parcel to its place: before all that never left, in order of their turns.

        Their deadlines don't tell, for messages that arrived together have the same.
        """
        queue = self._queues.get(channel) or self._new_queue(channel)
        if queue.waiters:
            return [self._hand_over(channel, parcel, queue, turn)]
        queue.forget_taken()
        place = bisect([before for before, _ in queue.returned], turn)
        queue.returned.insert(place, (turn, parcel))
        queue.parcels.insert(place, parcel)
        return []

    def withdraw(self, waiter: Waiter) -> None:
        """Remove a waiter from the queues it stands in."""
        for channel in waiter.channels:
            queue = self._queues.get(channel)
            if queue is not None:
                queue.waiters.pop(waiter, None)

    def dismiss(self) -> list[Waiter]:
        """Take everybody out of line: nothing will come here any more."""
        waiters = {waiter for queue in self._queues.values() for waiter in queue.waiters}
        for waiter in waiters:
            self.withdraw(waiter)
        return list(waiters)

    def waiting(self, channel: str) -> int:
        """How many waiters stand at ``channel``."""
        queue = self._queues.get(channel)
        return 0 if queue is None else len(queue.waiters)

    # -- looking ------------------------------------------------------------------

    def pending(self, channel: str) -> int:
        """How many messages wait in ``channel``."""
        queue = self._queues.get(channel)
        return 0 if queue is None else len(queue.parcels)

    def oldest(self, channels: Iterable[str] | None = None) -> float | None:
        """The earliest deadline in these channels (default: in all)."""
        names = self._queues if channels is None else channels
        queues = (self._queues.get(name) for name in names)
        heads = (queue.parcels[0][0] for queue in queues if queue is not None and queue.parcels)
        return min(heads, default=None)

    def unread(self) -> Iterator[tuple[str, int]]:
        """Channels with messages waiting, and how many."""
        for channel, queue in self._queues.items():
            if queue.parcels:
                yield channel, len(queue.parcels)

    def parcels(self) -> Iterator[tuple[str, deque[Parcel]]]:
        """Channels with messages waiting, and the messages; not to be changed."""
        for channel, queue in self._queues.items():
            if queue.parcels:
                yield channel, queue.parcels

    def channels(self) -> list[str]:
        """Channels with a message or a waiter."""
        return [name for name, queue in self._queues.items() if queue.parcels or queue.waiters]

    # -- time and cleaning --------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Drop what expired everywhere, and give memory back."""
        for channel, queue in self._queues.items():
            if queue.parcels and queue.parcels[0][0] <= now:
                self._expire(channel, queue, now)
            if queue.returned:
                queue.forget_taken()
        self._clean()

    def clear(
        self, concerned: Callable[[Parcel], bool] = lambda _: True
    ) -> list[tuple[str, list[Parcel]]]:
        """Forget all messages, or those ``concerned``; waiters stay. What was forgotten, by
        channel."""
        forgotten = []
        for channel, queue in self._queues.items():
            gone: list[Parcel] = []
            kept: deque[Parcel] = deque()
            for parcel in queue.parcels:
                (gone if concerned(parcel) else kept).append(parcel)
            if gone:
                queue.forget_taken()
                queue.returned = [entry for entry in queue.returned if not concerned(entry[1])]
                queue.parcels = kept
                forgotten.append((channel, gone))
        return forgotten

    def collect_drops(self) -> list[Drop]:
        """What was dropped since the last call."""
        drops, self.drops = self.drops, []
        return drops

    def _new_queue(self, channel: str) -> _Queue:
        if len(self._queues) >= self._clean_at:
            self._clean()
        queue = self._queues[channel] = _Queue()
        return queue

    def _clean(self) -> None:
        """Forget empty queues; a new dict, since a dict keeps the largest table it ever had."""
        self._queues = {
            channel: queue
            for channel, queue in self._queues.items()
            if queue.parcels or queue.waiters
        }
        self._clean_at = max(_CLEAN_FROM, 2 * len(self._queues))

    def _hand_over(
        self, channel: str, parcel: Parcel, queue: _Queue, turn: int | None = None
    ) -> Waiter:
        waiters = queue.waiters
        waiter = next(iter(waiters))
        if len(waiter.channels) == 1:
            del waiters[waiter]
        else:
            self.withdraw(waiter)
        waiter.channel = channel
        waiter.parcel = parcel
        if turn is None:
            turn = self._turn = self._turn + 1
        waiter.turn = turn
        return waiter

    def _expire(self, channel: str, queue: _Queue, now: float) -> None:
        gone = []
        while queue.parcels and queue.parcels[0][0] <= now:
            gone.append(queue.parcels.popleft())
        if gone:
            self.drops.append(Drop(EXPIRED, channel, gone))


def _insert(parcels: deque[Parcel], parcel: Parcel) -> None:
    """Put ``parcel`` to the front, but behind older ones that were put back before it."""
    place = 0
    while place < len(parcels) and parcels[place][0] < parcel[0]:
        place += 1
    parcels.insert(place, parcel)
