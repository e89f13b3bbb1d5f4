"""Reads one shard's inbox of this node, in whichever event loop is to do it."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Callable
from typing import Any

from ..store import Feed, Shard
from .connector import Connector, Health
from .delivery import Delivery


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
    ):
        self.cursor = start
        self.loop: asyncio.AbstractEventLoop | None = None
        self._shard = shard
        self._health = health
        self.deliver, self.settle = delivery.deliver, delivery.settle
        self._on_lost_data = on_lost_data
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

    def lost_data(self) -> None:
        """The inbox was found gone."""
        self._on_lost_data(self._shard.name)

    async def _open(self, lost: Callable[[], None]) -> Feed:
        return await self._shard.open_feed(self, lost)
