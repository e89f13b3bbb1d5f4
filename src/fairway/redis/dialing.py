"""Opens connections to one server, each for the event loop that asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

import redis.exceptions
from redis.asyncio.connection import AbstractConnection, Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from ..errors import StoreUnavailable

#: Seconds until a connection that is being made is given up.
PATIENCE = 10.0
#: Seconds to wait for each step at a sentinel, before the next one is asked.
_SENTINEL_PATIENCE = 2.0
#: Seconds between two looks where the master is.
_LOOK = 0.5
#: Seconds between two cancellations of the same call.
_INSISTING = 0.05

#: What redis-py raises where a server can't be reached, or refuses.
_FAILURES = (redis.exceptions.RedisError, OSError, asyncio.TimeoutError)

T = TypeVar("T")

#: Host and port.
Place = tuple[Any, Any]


class Dialer(Protocol):
    """Knows a server, and opens connections to it."""

    async def dial(self) -> Connection:
        """A connection that is connected; raises :class:`StoreUnavailable`."""

    async def watch(self, heard: Callable[[Place], None]) -> None:
        """Say again and again where the server is, until cancelled, if that may change."""


class PlainDialer:
    """A server whose address is known. The pool is used to make connections, and holds none."""

    def __init__(self, name: str, pool: ConnectionPool):
        self._name = name
        self._pool = pool

    async def dial(self) -> Connection:
        connection = cast(Connection, self._pool.make_connection())
        await _open(self._name, connection)
        return connection

    async def watch(self, heard: Callable[[Place], None]) -> None:
        """It stays where it is."""


class SentinelDialer:
    """A server that sentinels name. They are asked anew for each connection, since what
    redis-py keeps of a sentinel belongs to one event loop."""

    def __init__(
        self,
        name: str,
        master: str,
        sentinels: Sequence[tuple[Any, ...]],
        sentinel_arguments: Mapping[str, Any],
        arguments: Mapping[str, Any],
    ):
        self._name = name
        self._master = master
        self._sentinels = sentinels
        self._sentinel_arguments = {
            "socket_connect_timeout": _SENTINEL_PATIENCE,
            "socket_timeout": _SENTINEL_PATIENCE,
            "retry": Retry(NoBackoff(), 0),
            **sentinel_arguments,
        }
        self._arguments = arguments

    async def dial(self) -> Connection:
        sentinel = self._ask()
        pool = SentinelConnectionPool(self._master, sentinel, **self._arguments)
        connection = cast(Connection, pool.make_connection())
        try:
            await _open(self._name, connection)
        finally:
            _let_go(sentinel)
        return connection

    async def watch(self, heard: Callable[[Place], None]) -> None:
        """A master that is demoted goes on as one, and clients with it, for ten seconds."""
        sentinel = self._ask()
        try:
            while True:
                # What they don't know now they may know with the next look.
                with contextlib.suppress(*_FAILURES):
                    heard(await within(PATIENCE, sentinel.discover_master(self._master)))
                await asyncio.sleep(_LOOK)
        finally:
            _let_go(sentinel)

    def _ask(self) -> Sentinel:
        return Sentinel(self._sentinels, sentinel_kwargs=dict(self._sentinel_arguments))


def _let_go(sentinel: Sentinel) -> None:
    """Close what was opened to sentinels. Without waiting: a layer that is closed cancels whoever
    looks where the master is, and its loop, which then ends, once more."""
    for client in sentinel.sentinels:
        pool = client.connection_pool
        for connection in (*pool._available_connections, *pool._in_use_connections):
            _abandon(connection)


async def _open(name: str, connection: Connection) -> None:
    """Connect, or leave nothing behind."""
    try:
        await within(PATIENCE, connection.connect())
    except BaseException as error:
        _abandon(connection)
        if isinstance(error, _FAILURES):
            raise StoreUnavailable(f"{name}: {error or 'no answer'}") from error
        raise


async def within(seconds: float, call: Coroutine[Any, Any, T]) -> T:
    """What ``call`` to redis-py returns; raises :class:`asyncio.TimeoutError`.

    As ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation that comes in the
    instant of success: a layer that was closed would go on to read its inbox.
    """
    task = asyncio.ensure_future(call)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())  # it was heard of
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _end(task)
        raise
    await _end(task)
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()


async def _end(task: asyncio.Future[Any]) -> None:
    """Cancel until it has ended, since redis-py writes through ``asyncio.wait_for``, too; however
    often whoever waits here is cancelled."""
    cancelled = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=_INSISTING)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _abandon(connection: AbstractConnection) -> None:
    writer, connection._reader, connection._writer = connection._writer, None, None
    if writer is not None:
        cut(writer.transport)


def cut(transport: asyncio.WriteTransport) -> None:
    """Close a socket at once. One whose loop was closed goes with the garbage."""
    with contextlib.suppress(RuntimeError):
        transport.abort()
