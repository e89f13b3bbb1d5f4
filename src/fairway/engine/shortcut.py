"""A short way to a shard for threads: those who would wait for the I/O thread do its work."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial

from ..core.outbox import GroupSend, Send
from ..errors import StoreUnavailable
from ..store import DirectLink, Shard

logger = logging.getLogger("fairway.engine")

#: Bodies up to this many bytes are written without waiting for the server to read.
SMALL = 8192

#: Calls from threads before there is a connection for them: a script that sends once needs none.
_WORTH_IT = 3


class Shortcut:
    """One shard's connection for threads, which take turns.

    A round trip by way of the I/O thread wakes that thread twice and the caller once; here
    the caller's own thread writes and hears the reply. Who comes while another thread is at
    it, or while the shard can't be reached, goes by way of the I/O thread, where calls share
    their round trips and wait for connections.
    """

    def __init__(self, shard: Shard, soon: Callable[..., None]):
        self._shard = shard
        self._soon = soon
        #: Held by whoever uses the link, in the I/O thread until the last reply was heard.
        self._turn = threading.Lock()
        self._link: DirectLink | None = None
        #: What the I/O thread hears the end of.
        self._overdue: DirectLink | None = None
        self._calls = 0
        self._opening: asyncio.Task[None] | None = None
        self._closed = False

    def carry_out(self, message: Send | GroupSend) -> bool:
        """Send a message in this thread, or at least begin to; False if that can't be."""
        if not self._turn.acquire(blocking=False):
            return False
        link = self._link
        if link is None or not link.is_usable():
            self._link = None
            self._turn.release()
            self._want()
            return False
        try:
            link.write_one(message)
            if link.hear():
                self._end_turn(link)
            else:
                self._soon(self._hear_on, link)
        except BaseException:  # such as KeyboardInterrupt: nobody knows what was written
            link.close()
            self._turn.release()
            raise
        return True

    def drop(self) -> None:
        """Do without the connection that there is; in the I/O thread."""
        link, self._link = self._link, None
        if link is not None and self._turn.acquire(blocking=False):
            link.close()
            self._turn.release()

    def close(self) -> None:
        """Give the connection back, for good; in the I/O thread."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        self.drop()
        self.abandon()

    def abandon(self) -> None:
        """Fail what the I/O thread, which ends or has ended, was to hear the end of."""
        if self._overdue is not None:
            self._overdue.close()

    def _hear_on(self, link: DirectLink) -> None:
        self._overdue = link
        link.hear_in(asyncio.get_running_loop(), partial(self._end_turn, link))

    def _end_turn(self, link: DirectLink) -> None:
        self._overdue = None
        if link is not self._link:  # it was dropped meanwhile
            link.close()
        self._turn.release()

    def _want(self) -> None:
        self._calls += 1
        if self._calls >= _WORTH_IT and self._opening is None and not self._closed:
            self._soon(self._open_soon)

    def _open_soon(self) -> None:
        if self._opening is None and self._link is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        try:
            link = await self._shard.open_direct_link()
        except StoreUnavailable as error:
            logger.debug("shard %s: no connection for threads: %s", self._shard.name, error)
        else:
            self._closed = self._closed or link is None  # nothing of the kind: don't ask again
            self._link = link
        finally:
            self._opening = None
