"""One Redis server as a shard: links write batches, feeds read inboxes."""

from __future__ import annotations

from collections.abc import Callable

from ..store import Reader
from .connection import connect
from .delivered import Delivered
from .dialing import Dialer
from .feed import RedisFeed
from .keys import Keys
from .link import RedisLink
from .options import LinkOptions


class RedisShard:
    """How to reach one server, and what its name is. Holds no connection."""

    def __init__(self, name: str, dialer: Dialer, keys: Keys, options: LinkOptions):
        self.name = name
        self._dialer = dialer
        self._keys = keys
        self._options = options
        self._delivered = Delivered()

    async def open_link(self, lost: Callable[[], None]) -> RedisLink:
        return RedisLink(await connect(self._dialer, self.name, lost), self._keys, self._options)

    async def open_feed(self, reader: Reader, lost: Callable[[], None]) -> RedisFeed:
        connection = await connect(self._dialer, self.name, lost)
        inbox = self._keys.inbox(self._options.node)
        feed = RedisFeed(connection, inbox, reader, self._delivered)
        try:
            await feed.begin()
        except BaseException:
            connection.close()
            raise
        return feed
