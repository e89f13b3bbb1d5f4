"""How the outcome of a call gets back to whoever made it, wherever that is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

from ..core.outbox import Done

T = TypeVar("T")


def settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Give a future its outcome, in its own loop; whoever cancelled it doesn't care."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def here(future: asyncio.Future[Any]) -> Done:
    """For a future of the loop that carries out the call."""
    return partial(settle, future)


def reply_to(loop: asyncio.AbstractEventLoop | None) -> tuple[Done, Awaitable[Any]]:
    """A callback for another thread to call, and what the caller awaits meanwhile.

    Without a loop the awaitable is one that :func:`run` can wait for.
    """
    if loop is None:
        reply = ThreadReply()
        return reply, reply
    future: asyncio.Future[Any] = loop.create_future()

    def done(result: Any, error: BaseException | None) -> None:
        # A loop that was closed has nobody left who waits.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, future, result, error)

    return done, future


class ThreadReply:
    """The outcome for a thread without an event loop."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def __call__(self, result: Any, error: BaseException | None) -> None:
        self._result, self._error = result, error
        self._event.set()

    def __await__(self) -> Generator[ThreadReply, None, Any]:
        yield self
        if self._error is not None:
            raise self._error
        return self._result

    def wait(self) -> None:
        """Block until the outcome is there."""
        self._event.wait()


def run(call: Coroutine[Any, Any, T]) -> T:
    """Carry out a coroutine in a thread without an event loop; it waits for replies only."""
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
