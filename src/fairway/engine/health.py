"""Whether a shard is reached, by all connections to it together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger("fairway.engine")


class ShardHealth:
    """Tells of each blip once: when the first connection breaks, and when all work again.

    ``on_break`` and ``on_return`` are called with the shard's name, in whatever thread
    noticed.
    """

    def __init__(
        self, shard: str, on_break: Callable[[str], None], on_return: Callable[[str], None]
    ):
        self._shard = shard
        self._on_break = on_break
        self._on_return = on_return
        self._lock = threading.Lock()
        self._broken: set[int] = set()
        self._working: set[int] = set()

    def broke(self, connection: object, error: Exception | None) -> None:
        """A connection broke, or could not be made."""
        with self._lock:
            first = not self._broken
            self._broken.add(id(connection))
            self._working.discard(id(connection))
        if first:
            reason = error or "connection lost"
            logger.warning("shard %s: %s; connecting again", self._shard, reason)
            self._on_break(self._shard)

    def works(self, connection: object) -> None:
        """A connection is made."""
        with self._lock:
            self._working.add(id(connection))
        self._mend(connection)

    def forget(self, connection: object) -> None:
        """A connection is not wanted any more. With the last one nothing is said to return."""
        with self._lock:
            self._working.discard(id(connection))
        self._mend(connection)

    def _mend(self, connection: object) -> None:
        with self._lock:
            was_broken = id(connection) in self._broken
            self._broken.discard(id(connection))
            last = was_broken and not self._broken and bool(self._working)
        if last:
            logger.info("shard %s: connected again", self._shard)
            self._on_return(self._shard)
