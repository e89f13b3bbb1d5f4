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

    def taken(self, count: int = 1) -> None:
        """Readers took messages."""
        self.warm = True
        self._taken += count

    def starved(self) -> None:
        """A reader found nothing: if half a window was taken since, the window is too small."""
        self.warm = True
        if 2 * self._taken >= self._window:
            self._window = min(self._prefetch, 2 * self._window)
        self._taken = 0

    def wanted(self, waiting: int, unread: int) -> list[tuple[str, int]]:
        """The credit to add at each shard, if it is time to.

        ``waiting`` readers stand at the channel, ``unread`` messages lie here for them.
        Credit is asked for in bulk, when half of it is used; but a shard without any hears
        of a reader that waits at once, since its messages would not be seen.
        """
        target = waiting + self._window
        due = 2 * (unread + sum(self._granted.values())) <= target
        share = -(-max(0, target - unread) // len(self._granted))
        asks = [
            (shard, share - granted)
            for shard, granted in self._granted.items()
            if share > granted and (due or (waiting and not granted))
        ]
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
