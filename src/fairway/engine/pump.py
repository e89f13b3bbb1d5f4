"""Reads one shard's inbox of this node, in whichever event loop is to do it."""

from __future__ import annotations

import asyncio
import logging
from asyncio import events
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import FairwayError
from ..store import Feed, Shard
from .connector import Connector, Health
from .delivery import Delivery

logger = logging.getLogger("fairway.engine")


class Pump:
    """Keeps a feed of the shard open and delivers what it reads. One per node and shard.

    The cursor stays here when the connection breaks or another loop takes over, so
    nothing is read twice and nothing that the store still has is missed.
    """

    def __init__(
        self,
        shard: Shard,
        health: Health,
        delivery: Delivery,
        start: Any,
        on_lost_data: Callable[[str], None],
        on_undecodable: Callable[[], None],
    ):
        self.cursor = start
        self.loop: asyncio.AbstractEventLoop | None = None
        self._shard = shard
        self._health = health
        self._delivery = delivery
        self._on_lost_data = on_lost_data
        self._on_undecodable = on_undecodable
        self._connector: Connector[Feed] | None = None

    def start(self) -> None:
        """Begin to read in the running loop."""
        self.loop = asyncio.get_running_loop()
        self._connector = Connector(self._open, self._health)
        self._connector.start()

    def stop(self) -> None:
        """Stop reading. From any thread; a loop that does not run stops when it does."""
        connector, loop, self._connector, self.loop = self._connector, self.loop, None, None
        if connector is None or loop is None:
            return
        if loop is events._get_running_loop():
            connector.close()
        else:
            connector.close_in(loop)

    def deliver(self, sent_ms: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """One entry of the inbox."""
        try:
            self._delivery.entry(sent_ms, fields)
        except (FairwayError, ValueError):
            # Bytes that no sender of ours wrote cost themselves, not the node.
            logger.exception("shard %s: an entry of the inbox is not readable", self._shard.name)
            self._on_undecodable()

    def lost_data(self) -> None:
        """The inbox was found gone."""
        self._on_lost_data(self._shard.name)

    async def _open(self, lost: Callable[[], None]) -> Feed:
        return await self._shard.open_feed(self, lost)
