"""Reads one shard's inbox of this node, in whichever event loop is to do it."""

from __future__ import annotations

import asyncio
import threading
from asyncio import events
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..store import Feed, Shard
from .connector import Connector, Health
from .delivery import Delivery


class Reading:
    """What the feeds of one loop read into: a :class:`fairway.store.Reader`.

    A loop that does not run can't close its feed, and may run again at any moment: what
    its feed has in hand must not be delivered then, for another one has read it, too.
    """

    def __init__(
        self,
        delivery: Delivery,
        lock: AbstractContextManager[Any],
        cursor: Any,
        lost: Callable[[], None],
    ):
        self.deliver, self.settle = delivery.deliver, delivery.settle
        self.lock = lock
        self.cursor = cursor
        self.over = False
        self.on_over: Callable[[], None] = lambda: None
        self._lost = lost

    def end(self) -> None:
        """Another loop takes over. Nothing is delivered after this returns."""
        with self.lock:
            self.over = True
        self.on_over()

    def lost_data(self) -> None:
        """The inbox was found gone."""
        if not self.over:
            self._lost()


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
        self.loop: asyncio.AbstractEventLoop | None = None
        self._shard = shard
        self._health = health
        self._delivery = delivery
        self._on_lost_data = on_lost_data
        # What is delivered may lead to the end of the loop that delivers.
        self._lock = threading.RLock()
        self._reading = self._reading_from(start)
        self._connector: Connector[Feed] | None = None

    @property
    def cursor(self) -> Any:
        """How far the inbox was read."""
        return self._reading.cursor

    def start(self) -> None:
        """Begin to read in the running loop."""
        self.loop = asyncio.get_running_loop()
        self._reading = self._reading_from(self.cursor)
        self._connector = Connector(self._open, self._health)
        self._connector.start()

    def stop(self) -> None:
        """Stop reading. From any thread; a loop that does not run stops when it does."""
        connector, loop, self._connector, self.loop = self._connector, self.loop, None, None
        if connector is None or loop is None:
            return
        self._reading.end()
        if loop is events._get_running_loop():
            connector.close()
        else:
            connector.close_in(loop)

    def settle(self) -> None:
        """Say what was handed over."""
        self._delivery.settle()

    def _reading_from(self, cursor: Any) -> Reading:
        return Reading(
            self._delivery, self._lock, cursor, lambda: self._on_lost_data(self._shard.name)
        )

    async def _open(self, lost: Callable[[], None]) -> Feed:
        return await self._shard.open_feed(self._reading, lost)
