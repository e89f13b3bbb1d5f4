"""An inbox that any thread and any event loop may use: core's rules behind one lock."""

from __future__ import annotations

import asyncio
import threading
from asyncio import events
from collections.abc import Awaitable, Callable, Iterable, Sequence

from .core.inbox import Inbox, Parcel, Taken, Waiter
from .drops import Drops


class LoopWaiter(Waiter):
    """A coroutine waiting on the running loop."""

    __slots__ = ("future", "loop")

    def __init__(self, channels: Sequence[str]):
        self.channels = channels
        self.taken = None
        self.loop = events.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> bool:
        if events._get_running_loop() is self.loop:
            if not self.future.done():
                self.future.set_result(None)
            return True
        try:
            self.loop.call_soon_threadsafe(self.settle)
        except RuntimeError:  # its loop was closed under it
            return False
        return True

    def settle(self) -> None:
        """End the wait, with a message or without."""
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
        on_dropped: Callable[[str, Sequence[Parcel]], object] | None = None,
    ):
        self.clock = clock
        self.drops = drops
        self.lock = threading.Lock()
        #: The rules; touch it only with ``lock`` held.
        self.inbox = Inbox()
        self._on_taken = on_taken
        self._on_dropped = on_dropped

    def take(
        self, channels: Sequence[str], timeout: float | None
    ) -> Taken | Awaitable[Taken | None] | None:
        """The next message of any of ``channels``, or, to be awaited, what comes in time.

        Cancelling the wait takes nothing. A ``timeout`` (seconds) of 0 doesn't wait.
        """
        inbox = self.inbox
        with self.lock:
            taken = inbox.take_any(channels, self.clock())
            if taken is None and timeout != 0:
                waiter = LoopWaiter(channels)
                inbox.enlist(waiter)
                return self._wait(waiter, timeout)
        if inbox.drops:
            self.report_drops()
        if self._on_taken is not None and taken is not None:
            self._on_taken(*taken)
        return taken

    def wait_blocking(self, channels: Sequence[str], timeout: float | None = None) -> Taken | None:
        """:meth:`take` for a thread without a loop."""
        waiter = ThreadWaiter(channels)
        with self.lock:
            waiter.taken = self.inbox.take_any(channels, self.clock())
            if waiter.taken is None:
                self.inbox.enlist(waiter)
        if waiter.taken is None:
            try:
                waiter.event.wait(timeout)
            except BaseException:
                self._leave(waiter)
                raise
        return self._handed(waiter)

    def wake(self, waiters: Iterable[Waiter]) -> None:
        """Wake them; what one was handed whose loop is gone passes to the next."""
        for waiter in waiters:
            if not waiter.wake():
                self._leave(waiter)

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
        timer = None if timeout is None else waiter.loop.call_later(timeout, waiter.settle)
        try:
            await waiter.future
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if waiter.taken is None or self._on_taken is not None or self.inbox.drops:
            return self._handed(waiter)
        return waiter.taken

    def _leave(self, waiter: Waiter) -> None:
        with self.lock:
            heirs = self.inbox.forget(waiter)
        self.wake(heirs)

    def _handed(self, waiter: Waiter) -> Taken | None:
        if waiter.taken is None:  # timed out; a message may still come until it left the line
            with self.lock:
                self.inbox.withdraw(waiter)
        if self.inbox.drops:
            self.report_drops()
        if self._on_taken is not None and waiter.taken is not None:
            self._on_taken(*waiter.taken)
        return waiter.taken
