"""How many messages of a normal channel a node asks for ahead of its readers.

Every shard may hold messages of the channel, so each has a credit: how many it may
hand to this node. Credits follow the readers: one for each that waits, and a
window that grows while messages are taken faster than they come, up to ``prefetch``
in all. A slow reader thus leaves the queue to the other workers.
"""

from __future__ import annotations

from collections.abc import Sequence


class Demand:
    """The credits of one normal channel at every shard. Not thread-safe."""

    def __init__(self, shards: Sequence[str], prefetch: int):
        self._granted = dict.fromkeys(shards, 0)
        self._prefetch = prefetch
        self._window = 1
        self._taken = 0
        #: Whether anybody received since the last :meth:`cool`.
        self.warm = True

    def arrived(self, shard: str, count: int) -> None:
        """Messages came from ``shard`` and used up credit."""
        self._granted[shard] = max(0, self._granted[shard] - count)

    def taken(self) -> None:
        """A reader took a message."""
        self.warm = True
        self._taken += 1

    def wanted(self, waiting: int, unread: int) -> list[tuple[str, int]]:
        """The credit to add at each shard, if it is time to.

        ``waiting`` readers stand at the channel, ``unread`` messages lie here for them.
        """
        if self._taken >= self._window and unread == 0:
            self._window = min(self._prefetch, 2 * self._window)
        target = waiting + min(self._prefetch, self._window)
        share = -(-max(0, target - unread) // len(self._granted))
        asks = [
            (shard, share - granted)
            for shard, granted in self._granted.items()
            if granted * 2 <= share and share > granted
        ]
        if asks:
            self._taken = 0
        for shard, credit in asks:
            self._granted[shard] += credit
        return asks

    def cool(self) -> bool:
        """True if nobody received since the last call: the demand may be given up."""
        was_warm, self.warm = self.warm, False
        if not was_warm:
            self._window = 1
        return not was_warm

    def forget(self, shard: str | None = None) -> None:
        """The credits at a shard (default: at all) are gone."""
        for name in self._granted if shard is None else (shard,):
            self._granted[name] = 0
