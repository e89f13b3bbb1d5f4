"""An event loop's connection for writing to one Redis server."""

from __future__ import annotations

import asyncio
from typing import Any

from ..core.outbox import Batch, Query
from ..errors import StoreUnavailable
from .batches import BatchWriter
from .connection import RedisConnection
from .keys import Keys
from .options import LinkOptions
from .queries import RedisQueries


class RedisLink:
    """See :class:`fairway.store.Link`."""

    def __init__(self, connection: RedisConnection, keys: Keys, options: LinkOptions):
        self._connection = connection
        self._writer = BatchWriter(connection, keys, options)
        self.write_one = self._writer.write_one
        self._queries = RedisQueries(connection, keys, options)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        return not self._connection.waiting

    def write(self, batch: Batch) -> None:
        self._writer.write(batch)
        for query in batch.queries:
            self._ask(query)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, query: Query[Any]) -> None:
        """A question may take several commands, so each gets a task."""
        task = self._loop.create_task(self._answer(query))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, query: Query[Any]) -> None:
        try:
            answer = await self._queries.answer(query.name, query.arguments)
        except StoreUnavailable as error:
            query.done(None, error)
        except asyncio.CancelledError:
            query.done(None, StoreUnavailable("the layer was closed"))
            raise
        else:
            query.done(answer, None)
