"""An inbox that any thread and any event loop may use: core's rules behind one lock."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from _thread import start_new_thread
from asyncio import events
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from typing import Any

from .core.inbox import Inbox, Parcel, Taken, Waiter
from .drops import Drops


class LoopWaiter(Waiter):
    """A coroutine waiting on the running loop; awaited, it gives what came.

    Awaiting ``future`` costs a frame less: who does that calls :meth:`leave` if it raises,
    and the mailbox's :meth:`~Mailbox.handed_over` if the parcel has a receipt that nobody else
    ``settles``.
    """

    __slots__ = ("future", "mailbox", "settles")

    mailbox: Mailbox

    def __init__(self, channels: Sequence[str]):
        self.channels = channels
        self.parcel = None
        self.settles = True
        # Asking for the running loop first would cost as much again, up to Python 3.11.
        self.future: asyncio.Future[None] = asyncio.Future()

    def __await__(self) -> Generator[Any, None, Taken | None]:
        try:
            yield from self.future
        except BaseException:
            self.leave()
            raise
        if self.settles and self.parcel is not None and self.parcel[2] is not None:
            self.mailbox.handed_over(self)
        return self.taken

    def leave(self) -> None:
        """Give up: what came already goes to the next in line, or back to the front."""
        if events._get_running_loop() is self.future.get_loop():
            self.mailbox.leave(self)
        else:  # the garbage collector ends it: its loop is gone
            self.mailbox.leave_in_collection(self)

    def wake(self) -> bool:
        try:
            self.future.get_loop().call_soon_threadsafe(self.settle)
        except RuntimeError:  # its loop was closed under it
            return False
        return True

    def dismiss(self, error: Exception) -> None:
        with contextlib.suppress(RuntimeError):  # with its loop, whoever waited is gone
            self.future.get_loop().call_soon_threadsafe(self._fail, error)

    def _fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def settle(self) -> None:
        """End the wait, with a message or without."""
        if not self.future.done():
            self.future.set_result(None)


class ThreadWaiter(Waiter):
    """A thread without an event loop."""

    __slots__ = ("error", "event")

    def __init__(self, channels: Sequence[str]):
        super().__init__(channels)
        self.event = threading.Event()
        self.error: Exception | None = None

    def dismiss(self, error: Exception) -> None:
        self.error = error
        self.event.set()

    def wake(self) -> bool:
        self.event.set()
        return True


class Mailbox:
    """Where this process keeps messages until somebody receives them.

    ``clock`` gives seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float], drops: Drops):
        self.clock = clock
        self.drops = drops
        #: Who hears of each parcel with a receipt that is handed over, outside the lock.
        self.on_taken: Callable[[str, Parcel], object] | None = None
        #: Who hears of those given up, outside the lock.
        self.on_dropped: Callable[[str, Sequence[Parcel]], object] | None = None
        self.lock = threading.Lock()
        #: The rules; touch it only with ``lock`` held.
        self.inbox = Inbox()
        self._closed_by: Exception | None = None

    def take(
        self, channels: Sequence[str], timeout: float | None
    ) -> Taken | Awaitable[Taken | None] | None:
        """The next message of any of ``channels``, or, to be awaited, what comes in time.

        Cancelling the wait takes nothing. A ``timeout`` (seconds) of 0 doesn't wait.
        """
        if timeout == 0:
            return self.take_now(channels)
        self.lock.acquire()  # up to Python 3.11, `with` would cost twice as much
        try:
            found = self.inbox.take_or_enlist(channels, self.clock, LoopWaiter)
        finally:
            self.lock.release()
        if isinstance(found, tuple):
            if self.inbox.drops:
                self.report_drops()
            if found[1][2] is not None and self.on_taken is not None:
                self.on_taken(*found)
            return found
        found.mailbox = self
        if self._closed_by is not None:
            found.dismiss(self._closed_by)
        if timeout is None:
            return found
        return self._wait(found, timeout)

    def take_now(self, channels: Sequence[str]) -> Taken | None:
        """The next message of any of ``channels`` that is here."""
        with self.lock:
            taken = self.inbox.take_any(channels, self.clock())
        self._report(taken)
        return taken

    def wait_blocking(self, channels: Sequence[str], timeout: float | None = None) -> Taken | None:
        """:meth:`take` for a thread without a loop."""
        if timeout == 0:
            return self.take_now(channels)
        with self.lock:
            found = self.inbox.take_or_enlist(channels, self.clock, ThreadWaiter)
        if isinstance(found, tuple):
            self._report(found)
            return found
        if self._closed_by is not None:
            found.dismiss(self._closed_by)
        try:
            found.event.wait(timeout)
            if found.error is not None:
                raise found.error
            return self._outcome(found)
        except BaseException:
            self.leave(found)
            raise

    def wake(self, waiters: Iterable[Waiter], handed: list[LoopWaiter] | None = None) -> None:
        """Wake them; what one was handed whose loop is gone passes to the next.

        Those of the running loop join ``handed``, if the caller will say of them that they have
        their messages, all at once and once they ran: their messages are not to wait for it.
        """
        running = events._get_running_loop()
        for waiter in waiters:
            if type(waiter) is LoopWaiter and (future := waiter.future).get_loop() is running:
                if handed is not None:
                    waiter.settles = False
                    handed.append(waiter)
                if not future.done():
                    future.set_result(None)
            elif not waiter.wake():
                self._pass_on(waiter)

    def drop_all(self, cause: str, channel: str) -> None:
        """Drop what waits in a channel."""
        with self.lock:
            parcels = self.inbox.take_all(channel)
            if parcels:
                self.inbox.drop(cause, channel, parcels)
        if parcels:
            self.report_drops()

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
            if self.on_dropped is not None:
                self.on_dropped(drop.channel, drop.parcels)

    def without_receipt(self) -> int:
        """How many messages wait here that no store counts."""
        with self.lock:
            return sum(
                receipt is None for _, parcels in self.inbox.parcels() for _, _, receipt in parcels
            )

    def dismiss(self, error: Exception) -> None:
        """Nothing will come any more: whoever waits, or comes to wait, gets ``error``."""
        with self.lock:
            self._closed_by = error
            waiters = self.inbox.dismiss()
        for waiter in waiters:
            waiter.dismiss(error)

    def leave(self, waiter: Waiter) -> None:
        """Take ``waiter`` out of line; what it was handed goes to the next, or back."""
        with self.lock:
            heirs = self.inbox.forget(waiter)
        self.wake(heirs)

    def leave_in_collection(self, waiter: Waiter) -> None:
        """:meth:`leave` during garbage collection, perhaps in a thread that holds the lock."""
        if self.lock.acquire(blocking=False):
            try:
                heirs = self.inbox.forget(waiter)
            finally:
                self.lock.release()
            self.wake(heirs)
        else:
            start_new_thread(self.leave, (waiter,))

    def _pass_on(self, waiter: Waiter) -> None:
        """Give what ``waiter``, whose loop is gone, was handed to one who can be told, or back."""
        unreachable = [waiter]
        while unreachable:
            with self.lock:
                heirs = self.inbox.forget(unreachable.pop())
            unreachable += [heir for heir in heirs if not heir.wake()]

    def handed_over(self, waiter: Waiter) -> None:
        """A waiter has its message, and the message a receipt."""
        if self.inbox.drops:
            self.report_drops()
        if self.on_taken is not None and waiter.parcel is not None:
            self.on_taken(waiter.channel, waiter.parcel)

    async def _wait(self, waiter: LoopWaiter, timeout: float | None) -> Taken | None:
        loop = waiter.future.get_loop()
        timer = None if timeout is None else loop.call_later(timeout, waiter.settle)
        try:
            await waiter.future
        except BaseException:
            waiter.leave()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return self._outcome(waiter)

    def _outcome(self, waiter: Waiter) -> Taken | None:
        """What a waiter that need not wait any more was handed, or None: its time ran out."""
        if waiter.parcel is None:  # a message may still come until it left the line
            with self.lock:
                self.inbox.withdraw(waiter)
        if type(waiter) is not LoopWaiter or waiter.settles:
            self._report(waiter.taken)
        return waiter.taken

    def _report(self, taken: Taken | None) -> None:
        if self.inbox.drops:
            self.report_drops()
        if taken is not None and taken[1][2] is not None and self.on_taken is not None:
            self.on_taken(*taken)
