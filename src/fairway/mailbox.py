"""An inbox that any thread and any event loop may use: core's rules behind one lock."""

from __future__ import annotations

import asyncio
import threading
from asyncio import events
from collections.abc import Callable, Iterable, Sequence

from .core.inbox import Inbox, Parcel, Waiter
from .drops import Drops

#: A parcel with the channel it stood in.
Taken = tuple[str, Parcel]


class LoopWaiter(Waiter):
    """A coroutine waiting on the running loop."""

    __slots__ = ("expired", "future", "loop")

    def __init__(self, channels: Sequence[str]):
        super().__init__(channels)
        self.expired = False
        self.loop = events.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> bool:
        if events._get_running_loop() is self.loop:
            self.settle()
            return True
        try:
            self.loop.call_soon_threadsafe(self.settle)
        except RuntimeError:  # its loop was closed under it
            return False
        return True

    def expire(self) -> None:
        """End the wait because its time is up."""
        self.expired = True
        self.settle()

    def settle(self) -> None:
        """End the wait."""
        if not self.future.done():
            self.future.set_result(None)


class ThreadWaiter(Waiter):
    """A thread without an event loop."""

    __slots__ = ("event",)

    def __init__(self, channels: Sequence[str]):
        super().__init__(channels)
        self.event = threading.Event()

    def wake(self) -> bool:
        self.event.set()
        return True


class Mailbox:
    """Where this process keeps messages until somebody receives them.

    ``clock`` gives seconds that only go forward. ``on_taken`` hears of each parcel
    handed over, ``on_dropped`` of each given up, both outside the lock.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        drops: Drops,
        *,
        on_taken: Callable[[str, Parcel], object] | None = None,
        on_dropped: Callable[[str, Sequence[Parcel]], None] | None = None,
    ):
        self.clock = clock
        self.drops = drops
        self.lock = threading.Lock()
        #: The rules; touch it only with ``lock`` held.
        self.inbox = Inbox()
        self._on_taken = on_taken
        self._on_dropped = on_dropped

    async def take(self, channels: Sequence[str], timeout: float | None = None) -> Taken | None:
        """The next message of any of ``channels``; None after ``timeout`` seconds.

        A cancelled call has taken nothing.
        """
        with self.lock:
            taken = self._take_now(channels)
            if taken is None and timeout != 0:
                waiter = LoopWaiter(channels)
                self.inbox.enlist(waiter)
        if taken is None and timeout != 0:
            taken = await self._wait(waiter, timeout)
        if self._on_taken is not None and taken is not None:
            self._on_taken(*taken)
        if self.inbox.has_drops:
            self.report_drops()
        return taken

    def take_blocking(self, channels: Sequence[str], timeout: float | None = None) -> Taken | None:
        """:meth:`take` for a thread without a loop."""
        ends = None if timeout is None else self.clock() + timeout
        waiter = ThreadWaiter(channels)
        taken = self._take_or_enlist(waiter)
        while taken is None:
            left = None if ends is None else ends - self.clock()
            if (left is not None and left <= 0) or not waiter.event.wait(left):
                taken = self._give_up(waiter)
                break
            waiter.event.clear()
            taken = self._take_or_enlist(waiter)
        if self._on_taken is not None and taken is not None:
            self._on_taken(*taken)
        self.report_drops()
        return taken

    def wake(self, waiters: Iterable[Waiter]) -> None:
        """Wake them; the turn of one whose loop is gone passes to the next."""
        for waiter in waiters:
            if not waiter.wake():
                with self.lock:
                    heirs = self.inbox.forget(waiter)
                self.wake(heirs)

    def sweep(self) -> None:
        """Drop what expired, wherever it is."""
        with self.lock:
            self.inbox.sweep(self.clock())
        self.report_drops()

    def report_drops(self) -> None:
        """Count and log what the inbox dropped. Call it without the lock."""
        with self.lock:
            drops = self.inbox.collect_drops()
        for drop in drops:
            self.drops.record(drop.cause, drop.channel, len(drop.parcels))
            if self._on_dropped is not None:
                self._on_dropped(drop.channel, drop.parcels)

    async def _wait(self, waiter: LoopWaiter, timeout: float | None) -> Taken | None:
        timer = None if timeout is None else waiter.loop.call_later(timeout, waiter.expire)
        try:
            while True:
                await waiter.future
                if waiter.expired:
                    return self._give_up(waiter)
                waiter.future = waiter.loop.create_future()
                taken = self._take_or_enlist(waiter)
                if taken is not None:
                    return taken
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _take_now(self, channels: Sequence[str]) -> Taken | None:
        now = self.clock()
        if len(channels) == 1:
            parcel = self.inbox.take(channels[0], now)
            return None if parcel is None else (channels[0], parcel)
        return self.inbox.take_any(channels, now)

    def _take_or_enlist(self, waiter: Waiter) -> Taken | None:
        """Take, passing on a wake-up meant for another channel's message; or wait again."""
        heirs: list[Waiter] = []
        with self.lock:
            taken = self._take_now(waiter.channels)
            if taken is None:
                self.inbox.enlist(waiter, first=waiter.woken)
            elif waiter.woken and len(waiter.channels) > 1:
                heirs = self.inbox.heirs(waiter)
        self.wake(heirs)
        return taken

    def _give_up(self, waiter: Waiter) -> Taken | None:
        """Leave after a time-out, with a message if one came at the last moment."""
        with self.lock:
            taken = self._take_now(waiter.channels)
            heirs = self.inbox.forget(waiter)
        self.wake(heirs)
        return taken

    def _leave(self, waiter: Waiter) -> None:
        with self.lock:
            heirs = self.inbox.forget(waiter)
        self.wake(heirs)
