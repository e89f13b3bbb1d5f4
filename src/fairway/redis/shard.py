"""One Redis server as a shard: links write batches, feeds read inboxes."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from ..store import Reader
from .connection import RedisConnection, connect
from .delivered import Delivered
from .dialing import Dialer, Place
from .direct import RedisDirectLink, open_direct_link
from .feed import RedisFeed
from .keys import Keys
from .link import RedisLink
from .options import LinkOptions


class RedisShard:
    """How to reach one server, and what its name is."""

    def __init__(self, name: str, dialer: Dialer, keys: Keys, options: LinkOptions):
        self.name = name
        self._dialer = dialer
        self._keys = keys
        self._options = options
        self._delivered = Delivered()
        self._lock = threading.Lock()
        #: Connections of all loops that somebody holds.
        self._open: weakref.WeakSet[RedisConnection] = weakref.WeakSet()

    async def open_link(self, lost: Callable[[], None]) -> RedisLink:
        return RedisLink(await self._connect(lost), self._keys, self._options)

    async def open_direct_link(self) -> RedisDirectLink | None:
        return await open_direct_link(self._dialer, self.name, self._keys, self._options)

    async def open_feed(self, reader: Reader, lost: Callable[[], None]) -> RedisFeed:
        connection = await self._connect(lost)
        inbox = self._keys.inbox(self._options.node)
        bound = self._options.inbox_capacity
        feed = RedisFeed(connection, inbox, reader, self._delivered, bound)
        try:
            await feed.begin()
        except BaseException:
            connection.close()
            raise
        return feed

    async def watch(self) -> None:
        await self._dialer.watch(self._leave_others)

    def _leave_others(self, place: Place) -> None:
        """The server is here: what leads elsewhere leads to one that was replaced."""
        with self._lock:
            astray = [connection for connection in self._open if connection.place != place]
        for connection in astray:
            connection.leave()

    async def _connect(self, lost: Callable[[], None]) -> RedisConnection:
        connection = await connect(self._dialer, self.name, lost)
        with self._lock:
            self._open.add(connection)
        return connection
