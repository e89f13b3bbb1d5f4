"""Keeps one connection open: connects, and again when it breaks, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from ..errors import StoreUnavailable

logger = logging.getLogger("fairway.engine")

#: Seconds between attempts to connect: the first pause, and the longest.
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5


class Closable(Protocol):
    """A connection."""

    def close(self) -> None:
        """Drop it."""


C = TypeVar("C", bound=Closable)


class Health(Protocol):
    """Hears how the connections to a shard fare."""

    def broke(self, connection: object, error: Exception | None) -> None:
        """A connection broke, or could not be made."""

    def works(self, connection: object) -> None:
        """A connection is made."""

    def forget(self, connection: object) -> None:
        """A connection is not wanted any more."""


#: The name of tasks that connect, and seconds that those that were cancelled may need to end.
_ATTEMPT = "fairway-connecting"
_ENDING = 1.0


async def attempts_end() -> None:
    """Wait for the attempts in this loop, which were cancelled, to leave nothing open."""
    attempts = [task for task in asyncio.all_tasks() if task.get_name() == _ATTEMPT]
    if attempts:
        await asyncio.wait(attempts, timeout=_ENDING)


class Connector(Generic[C]):
    """One connection that is made anew whenever it breaks. Lives in one event loop.

    ``open`` connects and takes a callback for the break; ``opened`` hears of each new
    connection, ``failed`` of each attempt that failed.
    """

    def __init__(
        self,
        open: Callable[[Callable[[], None]], Awaitable[C]],
        health: Health,
        *,
        opened: Callable[[C], None] | None = None,
        failed: Callable[[StoreUnavailable], None] | None = None,
    ):
        self._open = open
        self._health = health
        self._opened = opened
        self._failed = failed
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        #: Whether the connection broke that is being made.
        self._broke = False
        self.connection: C | None = None

    def start(self) -> None:
        """Begin to connect, if there is neither a connection nor an attempt."""
        if self.connection is None and self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._connect(), name=_ATTEMPT)

    def close(self) -> None:
        """Drop the connection for good."""
        self._closed = True
        self._health.forget(self)
        if self._task is not None:
            self._task.cancel()
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def close_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """:meth:`close` from outside the connection's loop: there, as soon as it runs."""
        self._closed = True
        self._health.forget(self)
        try:
            loop.call_soon_threadsafe(self.close)
        except RuntimeError:
            # It was closed: nothing runs in it any more, and its sockets go with the garbage.
            self.connection = self._task = None

    async def _connect(self) -> None:
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        try:
            while not self._closed:
                try:
                    self.connection = await self._open_whole()
                except Exception as error:
                    if loop.is_closed():  # without a word: this goes with the garbage
                        return
                    self._attempt_failed(_as_unavailable(error))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    break
        finally:
            self._task = None
        self._health.works(self)
        if self._opened is not None and self.connection is not None:
            self._opened(self.connection)

    async def _open_whole(self) -> C:
        """A connection that did not break before anybody had it."""
        self._broke = False
        connection = await self._open(self._lost)
        if self._broke:
            connection.close()
            raise StoreUnavailable("the connection broke as soon as it was made")
        return connection

    def _attempt_failed(self, error: StoreUnavailable) -> None:
        self._health.broke(self, error)
        if self._failed is not None:
            self._failed(error)

    def _lost(self) -> None:
        self.connection = None
        self._broke = True
        if not self._closed:
            self._health.broke(self, None)
            self.start()


def _as_unavailable(error: Exception) -> StoreUnavailable:
    """What nobody foresaw must not end the attempts."""
    if isinstance(error, StoreUnavailable):
        return error
    logger.error("connecting raised what it should not", exc_info=error)
    unavailable = StoreUnavailable(str(error))
    unavailable.__cause__ = error
    return unavailable
