"""A pipelined connection to Redis: commands go out at once, replies come to callbacks.

redis-py connects (TLS, ACL, Sentinel, unix sockets, all it knows); then this protocol
takes its socket over. Replies are parsed by hiredis where they arrive, without a
task or a stream reader in between: that is a loop turn and some 40 µs less per reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from redis.asyncio.connection import Connection as RedisPyConnection

from ..errors import StoreUnavailable
from .conversation import Argument, Conversation
from .dialing import Dialer, cut
from .scripting import Script, load_scripts

#: Seconds without a word on a connection that owes replies, after which its line is dead.
SILENCE = 10.0


class RedisConnection(Conversation, asyncio.BufferedProtocol):
    """One socket. Lives in one event loop; made by :func:`connect`."""

    def __init__(self, connection: RedisPyConnection, name: str, lost: Callable[[], None]):
        super().__init__(name, time.monotonic)
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        #: Where the server is that this leads to, if it has a host and a port.
        self.place = getattr(connection, "host", None), getattr(connection, "port", None)
        self._view = memoryview(self._heard)
        self._writer = _take_over(connection)
        self._transport = cast(asyncio.Transport, self._writer.transport)
        self._former = self._transport.get_protocol()
        self._transport.set_protocol(self)
        self._write = self._transport.write
        self._watchdog = self._loop.call_later(SILENCE, self._watch)

    def give_away(self) -> int | None:
        """The socket, as a file descriptor of the caller's; here the connection is closed.

        None under TLS, where nobody else could read on.
        """
        socket = self._transport.get_extra_info("socket")
        encrypted = self._transport.get_extra_info("sslcontext") is not None
        descriptor = None if encrypted else os.dup(socket.fileno())
        self.close()
        return descriptor

    # -- sending --------------------------------------------------------------------

    async def ask(self, *command: Argument) -> Any:
        """Send one command and wait for its reply; raises :class:`StoreUnavailable`."""
        future = self._loop.create_future()
        self.send([(command, partial(_settle, future))])
        return self._checked(await future)

    async def ask_script(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """Run a script and wait for its reply; raises :class:`StoreUnavailable`."""
        future = self._loop.create_future()
        self.send([self.script(name, keys, arguments, partial(_settle, future))])
        return self._checked(await future)

    def _checked(self, reply: Any) -> Any:
        if isinstance(reply, StoreUnavailable):
            raise reply
        if isinstance(reply, Exception):
            raise StoreUnavailable(f"{self._name}: {reply}") from reply
        return reply

    def close(self) -> None:
        """Drop the connection without a word to ``lost``."""
        self._lost = _nobody
        self.abort()

    def abort(self, reason: Exception | None = None) -> None:
        """Drop the connection as if it had broken."""
        cut(self._transport)
        self._end(reason)

    def leave(self) -> None:
        """:meth:`abort`, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed, and the socket with it
            self._loop.call_soon_threadsafe(self.abort)

    # -- what asyncio calls -----------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what arrives; under TLS asyncio fills it slice by slice, so no bytearray."""
        return self._view

    buffer_updated = Conversation.take

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._former.connection_lost(error)  # redis-py's stream writer waits to hear it
        self._end(error)

    def eof_received(self) -> None:
        """The server closed its side."""

    def _end(self, error: Exception | None) -> None:
        if self._closed:
            return
        self._closed = True
        self._watchdog.cancel()
        self._fail_waiting(error)
        self._lost()

    def _watch(self) -> None:
        silent = self._clock() - self._heard_at if self.waiting else 0.0
        if silent >= SILENCE:
            self.abort()
        else:
            self._watchdog = self._loop.call_later(SILENCE - silent, self._watch)


async def connect(dialer: Dialer, name: str, lost: Callable[[], None]) -> RedisConnection:
    """A new connection to the server that ``dialer`` knows, scripts loaded.

    Raises :class:`StoreUnavailable`.
    """
    made = RedisConnection(await dialer.dial(), name, lost)
    try:
        for script in load_scripts().values():
            await _load(made, script)
    except BaseException:
        made.close()
        raise
    return made


async def _load(connection: RedisConnection, script: Script) -> None:
    await connection.ask("SCRIPT", "LOAD", script.text)


def _take_over(connection: RedisPyConnection) -> asyncio.StreamWriter:
    """The socket of a connection that redis-py opened, which forgets it."""
    reader, writer = connection._reader, connection._writer
    if reader is None or writer is None:
        raise StoreUnavailable("the server closed the connection at once")
    connection._reader = connection._writer = None
    if reader.at_eof() or writer.transport.is_closing():
        # That it ended was said to the former protocol, and nobody would say it again.
        cut(writer.transport)
        raise StoreUnavailable("the server closed the connection at once")
    return writer


def _settle(future: asyncio.Future[Any], reply: Any) -> None:
    if not future.done():
        future.set_result(reply)


def _nobody() -> None:
    return None
