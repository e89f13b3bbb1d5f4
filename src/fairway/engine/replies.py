"""How the outcome of a call gets back to whoever made it, wherever that is."""

from __future__ import annotations

import asyncio
import threading
from asyncio import events
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from ..core.outbox import Done

T = TypeVar("T")

#: Seconds that a loop with a single task stands still for a reply. Most come sooner, and
#: waking a loop from another thread costs as much again as the reply itself.
_BRIEFLY = 0.001


def settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Give a future its outcome, in its own loop; whoever cancelled it doesn't care."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class Reply:
    """A callback for another thread to call, and what the caller awaits meanwhile.

    ``loop``: the caller's, which doesn't carry out calls itself; without one, :func:`run` waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None):
        self._loop = loop
        self._result: Any = None
        self._error: BaseException | None = None
        # Held until the outcome is there: half the cost of an Event.
        self._coming = threading.Lock()
        self._coming.acquire()
        self._mutex = threading.Lock()
        self._future: asyncio.Future[None] | None = None

    def __call__(self, result: Any, error: BaseException | None) -> None:
        with self._mutex:
            self._result, self._error = result, error
            self._coming.release()
            future = self._future
        # A loop that was closed has nobody left who waits.
        if future is not None and not (loop := future.get_loop()).is_closed():
            loop.call_soon_threadsafe(settle, future, None, None)

    def __await__(self) -> Generator[Any, None, Any]:
        if self._loop is None:
            yield self
        elif not self._coming.acquire(blocking=False) and not self._comes_soon():
            with self._mutex:
                if self._coming.locked():
                    self._future = self._loop.create_future()
            if self._future is not None:
                yield from self._future
        if self._error is not None:
            raise self._error
        return self._result

    def wait(self) -> None:
        """Block until the outcome is there."""
        self._coming.acquire()

    def _comes_soon(self) -> bool:
        return may_wait() and self._coming.acquire(timeout=_BRIEFLY)


def may_wait() -> bool:
    """Whether this thread may stand still for a moment: no other task of its loop would mind."""
    loop = events._get_running_loop()
    return loop is None or len(asyncio.all_tasks(loop)) == 1


def run(call: Coroutine[Any, Any, T]) -> T:
    """Carry out a coroutine in a thread without an event loop; it waits for replies only."""
    if events._get_running_loop() is not None:
        call.close()
        raise RuntimeError(
            "layer.blocking was called in a thread that runs an event loop, which would stand "
            "still: await the layer's own methods there"
        )
    try:
        while True:
            call.send(None).wait()
    except StopIteration as finished:
        result: T = finished.value
        return result
    finally:
        call.close()


def nobody(result: Any, error: BaseException | None) -> None:
    """For a call whose outcome nobody waits for."""


def gather(count: int, done: Done) -> Done:
    """A callback for ``count`` calls; ``done`` hears once: the results, or the first error."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def one(result: Any, error: BaseException | None) -> None:
        results.append(result)
        if error is not None:
            errors.append(error)
        if len(results) == count:
            done(results, errors[0] if errors else None)

    return one
