"""A connection that threads use themselves: see :class:`fairway.store.DirectLink`."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable

from .batches import BatchWriter
from .connection import SILENCE, connect
from .conversation import Conversation
from .dialing import Dialer
from .keys import Keys
from .options import LinkOptions

#: Seconds that a thread listens for a reply. Most come in a tenth of that.
_BRIEFLY = 0.001
#: Looks at the socket before a thread goes to sleep until something comes. Where the server is
#: near, its reply comes sooner than a processor that went idle wakes up.
_LOOKS = 60 if (os.cpu_count() or 1) > 1 else 0
#: Replies for which a thread sleeps at once where one took longer than that.
_SLEEPS = 20


class DirectConnection(Conversation):
    """A socket that is written and read in the caller's thread, one caller at a time."""

    def __init__(self, descriptor: int, name: str):
        super().__init__(name, time.monotonic)
        #: What ends the hearing in a loop, while there is one.
        self._finish: Callable[[], None] = _nothing
        #: For how many replies from now on there is no use in looking.
        self._asleep = 0
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        brief = struct.pack("ll", 0, int(_BRIEFLY * 1e6))
        # A timeout of Python's own would cost another system call each time.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, brief)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, brief)

    def is_usable(self) -> bool:
        """Whether the server is still there, as far as this side was told."""
        if self._closed:
            return False
        if self._poll.poll(0):  # it hung up, or says something that nobody asked for
            self._end(None)
            return False
        return True

    def hear(self) -> bool:
        """Hear all replies that are awaited; False if they take longer than a moment."""
        while self.waiting:
            try:
                size = self._receive()
            except BlockingIOError:
                return False
            except OSError as error:
                self._end(error)
            else:
                self.take(size) if size else self._end(None)
        return True

    def _receive(self) -> int:
        """How many bytes came; BlockingIOError if none do for a moment."""
        receive, heard = self._socket.recv_into, self._heard
        if self._asleep:
            self._asleep -= 1
            return receive(heard)
        for _ in range(_LOOKS):
            try:
                return receive(heard, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
        self._asleep = _SLEEPS
        return receive(heard)

    def hear_in(self, loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
        """:meth:`hear` in a loop, which has better to do than wait."""
        if not self.waiting:
            done()
            return
        descriptor = self._socket.fileno()
        watchdog = loop.call_later(SILENCE, self.abort)

        def finish() -> None:
            watchdog.cancel()
            loop.remove_reader(descriptor)
            done()

        self._finish = finish
        loop.add_reader(descriptor, self._hear_more)

    def _hear_more(self) -> None:
        if self.hear():
            self._finished()

    def abort(self, reason: Exception | None = None) -> None:
        self._end(reason)

    def _write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            self._end(error)

    def _end(self, error: Exception | None) -> None:
        if self._closed:
            return
        self._closed = True
        self._finished()  # while the loop can still be told to watch the socket no more
        self._socket.close()
        self._fail_waiting(error)

    def _finished(self) -> None:
        finish, self._finish = self._finish, _nothing
        finish()

    def __del__(self) -> None:
        # A forked child has the parent's, and nobody there to close it.
        self._socket.close()


class RedisDirectLink:
    """Messages for the server, from whatever thread holds this."""

    def __init__(self, connection: DirectConnection, keys: Keys, options: LinkOptions):
        self._connection = connection
        self.write_one = BatchWriter(connection, keys, options).write_one
        self.is_usable, self.hear = connection.is_usable, connection.hear
        self.hear_in = connection.hear_in

    def close(self) -> None:
        """Drop the connection."""
        self._connection.abort()


async def open_direct_link(
    dialer: Dialer, name: str, keys: Keys, options: LinkOptions
) -> RedisDirectLink | None:
    """Connect; None where a socket alone won't do. Raises :class:`StoreUnavailable`."""
    if sys.platform == "win32":  # no poll, and no event loop there that watches sockets
        return None
    connection = await connect(dialer, name, lambda: None)
    descriptor = connection.give_away()
    if descriptor is None:
        return None
    return RedisDirectLink(DirectConnection(descriptor, name), keys, options)


def _nothing() -> None:
    return
