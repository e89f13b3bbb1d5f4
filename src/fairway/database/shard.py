"""One database as a shard: links write batches, feeds read inboxes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..store import Reader
from .connection import Connection
from .desk import Desk
from .feed import DatabaseFeed
from .link import DatabaseLink
from .options import LinkOptions
from .statements import VERSION

logger = logging.getLogger("fairway.database")


class DatabaseShard:
    """How to reach one alias, as one node does: a thread that writes, and one that reads."""

    def __init__(self, alias: str, prefix: str, options: LinkOptions):
        self.name = alias
        self._prefix = prefix
        self._options = options
        self._desk = Desk(self._connect, options, self._wake_name, self._wake_own)
        self._feed: DatabaseFeed | None = None
        self._said_pooler = False

    async def open_link(self, lost: Callable[[], None]) -> DatabaseLink:
        link = DatabaseLink(self._desk, lost)
        try:
            await asyncio.wrap_future(self._desk.join(link))
            link.begin()
        except BaseException:
            link.close()
            raise
        return link

    async def open_direct_link(self) -> None:
        return None  # the desk's thread writes for all

    async def open_feed(self, reader: Reader, lost: Callable[[], None]) -> DatabaseFeed:
        feed = DatabaseFeed(
            self._connect,
            self._options,
            self._wake_name,
            reader,
            lost,
            self._pooler_found,
            self._desk.handed,
        )
        try:
            await feed.begin()
        except BaseException:
            feed.close()
            raise
        self._feed = feed
        return feed

    async def watch(self) -> None:
        return  # Django knows where it is

    def _connect(self) -> Connection:
        return Connection(self.name, self._prefix)

    def _wake_name(self, node: str) -> str:
        return f"fairway{VERSION}_{self._prefix}_{node}"[:63]

    def _wake_own(self) -> None:
        if self._feed is not None:
            self._feed.wake()

    def _pooler_found(self) -> None:
        if not self._said_pooler:
            self._said_pooler = True
            logger.warning(
                "database %r: LISTEN does not reach the server, as behind a pooler in transaction "
                "mode; the channel layer looks for messages instead, at some milliseconds' delay",
                self.name,
            )
