"""What one event loop has of its own: an outbox and a connection for each shard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any

from ..core.outbox import GroupSend, Outbox, Send
from ..errors import StoreUnavailable
from ..store import Link, Shard
from .connector import LONGEST_PAUSE, Connector, Health, attempts_end


class Writer:
    """Flushes the outbox of one shard, once per loop turn, whatever it holds then.

    Before, ``handed`` hears how many messages of which channels were handed over in the turn:
    one by one that would be half of what receiving costs.

    While the shard can't be reached calls wait, for ``patience`` seconds from the break
    at the most, whatever an attempt to connect takes; after that they fail within
    ``LONGEST_PAUSE`` until it can be reached again.
    """

    def __init__(
        self,
        shard: Shard,
        health: Health,
        patience: float,
        handed: Callable[[Mapping[str, int]], None],
    ):
        self.outbox = Outbox()
        self._handed = handed
        #: How many messages of each channel were handed over in this turn.
        self._numbers: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._broken_since: float | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._hangs = StoreUnavailable(f"{shard.name}: no connection within {patience:g} s")
        self._reason = self._hangs
        #: Whether a flush will come, when this loop turn ends.
        self.scheduled = False
        self._closed = False
        self._single = True
        self._connector: Connector[Link] = Connector(
            shard.open_link, health, opened=self._opened, failed=self._attempt_failed
        )

    def flush_soon(self) -> None:
        """Flush when this loop turn ends: call it after each addition to ``outbox``."""
        if not self.scheduled:
            self.scheduled = True
            self._loop.call_soon(self._flush)

    def flush(self) -> None:
        """:meth:`flush_soon`, for a call that somebody waits for.

        Where nothing is under way and the last flush held one call, so will this one, most
        likely: it goes at once.
        """
        if self.scheduled:
            return
        if self._single:
            link = self._connector.connection
            if link is not None and link.idle:
                link.write(self.outbox.collect())
        self.flush_soon()

    def send(self, add: Callable[[Outbox, Any], None], message: Send | GroupSend) -> None:
        """:meth:`flush` with a message, which ``add`` puts into the outbox unless it goes at
        once."""
        link = self._connector.connection
        alone = self._single and not self.scheduled
        if not (alone and link is not None and link.write_one(message)):
            add(self.outbox, message)
        self.flush_soon()

    def handed_over(self, channel: str, number: int = 1) -> None:
        """Messages of ``channel`` that the shard counts were handed over in this loop."""
        numbers = self._numbers
        numbers[channel] = numbers.get(channel, 0) + number
        if not self.scheduled:
            self.flush_soon()

    def say_handed(self) -> None:
        """Say now what was handed over."""
        if self._numbers:
            numbers, self._numbers = self._numbers, {}
            self._handed(numbers)

    def close(self) -> None:
        """Drop the connection; calls that wait for it fail, and so do those that come."""
        self._flush()
        self._connector.close()
        self._closed = True
        self._fail(StoreUnavailable("the layer was closed"))

    def forget(self) -> None:
        """:meth:`close` where the loop was closed."""
        self._connector.close_in(self._loop)

    def _flush(self) -> None:
        self.say_handed()
        self.scheduled = False
        self._single = len(self.outbox) <= 1
        link = self._connector.connection
        if self._closed:
            self._fail(StoreUnavailable("the layer was closed"))
        elif link is None:
            self._connector.start()
            self._be_patient()
        elif len(self.outbox):
            link.write(self.outbox.collect())

    def _be_patient(self) -> None:
        """Calls wait for a connection: see that they don't for longer than they may."""
        now = self._loop.time()
        if self._broken_since is None:
            self._broken_since = now
        if self._giving_up is None and len(self.outbox):
            left = self._broken_since + self._patience - now
            delay = left if left > 0 else LONGEST_PAUSE
            self._giving_up = self._loop.call_later(delay, self._give_up)

    def _give_up(self) -> None:
        self._fail(self._reason)

    def _opened(self, link: Link) -> None:
        self._broken_since = None
        self._reason = self._hangs
        self._wait_no_more()
        self._flush()

    def _attempt_failed(self, error: StoreUnavailable) -> None:
        self._reason = error  # for those who give up while the next attempt is under way
        since = self._broken_since
        if since is not None and self._loop.time() - since >= self._patience:
            self._fail(error)

    def _wait_no_more(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _fail(self, error: StoreUnavailable) -> None:
        self._wait_no_more()
        if len(self.outbox):
            for done in self.outbox.collect().calls():
                done(None, error)


class Session:
    """The writers of one event loop. Closes itself when its loop ends as ``asyncio.run`` does."""

    def __init__(
        self,
        shards: Mapping[str, Shard],
        health: Callable[[str], Health],
        patience: float,
        handed: Callable[[str, Mapping[str, int]], None],
    ):
        self.loop = asyncio.get_running_loop()
        self.writers = {
            name: Writer(shard, health(name), patience, partial(handed, name))
            for name, shard in shards.items()
        }
        self._on_close: Callable[[], None] | None = None
        self._until_shutdown = self._close_at_shutdown()
        # One step, so that the loop knows the generator and finalizes it at its end.
        with contextlib.suppress(StopIteration):
            self._until_shutdown.__anext__().send(None)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called, once, when the session ends."""
        self._on_close = callback

    def say_handed(self) -> None:
        """Say now what this loop handed over; call it there, or once the loop was closed."""
        for writer in self.writers.values():
            writer.say_handed()

    def close(self) -> None:
        """Drop the connections of this loop; call it in the loop."""
        callback, self._on_close = self._on_close, None
        if callback is not None:
            callback()
        for writer in self.writers.values():
            writer.close()

    def forget(self) -> None:
        """The loop was closed, and nothing runs in it any more."""
        for writer in self.writers.values():
            writer.forget()

    def close_from_anywhere(self) -> None:
        """:meth:`close` from another thread, if the loop still runs."""
        with contextlib.suppress(RuntimeError):  # it closed, and its sockets with it
            self.loop.call_soon_threadsafe(self.close)

    async def _close_at_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.close()
            await attempts_end()
            await asyncio.sleep(0)  # the turn in which the sockets are closed
