"""How many messages of a normal channel a node asks for ahead of its readers.

Every shard may hold messages of the channel, so each has a credit: how many it may
hand to this node. Credits follow the readers: one for each that waits, and a
window that grows while messages are taken faster than they come, up to ``prefetch``
in all. A slow reader thus leaves the queue to the other workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Ask(NamedTuple):
    """Credit to add at a shard; ``anew``: whatever it was asked for before counts no more."""

    shard: str
    credit: int
    anew: bool


class Demand:
    """The credits of one normal channel at every shard. Not thread-safe."""

    def __init__(self, shards: Sequence[str], prefetch: int):
        self._granted = dict.fromkeys(shards, 0)
        #: Shards that may have lost what they were asked for, or not.
        self._unsure: set[str] = set()
        #: Shards that gave something since the last :meth:`renew`.
        self._gave: set[str] = set()
        self._prefetch = prefetch
        self._window = 1
        self._taken = 0
        #: Messages that lie here unread.
        self._unread = 0
        #: Those, and all that was asked for.
        self._ahead = 0
        #: Readers that stand at the channel.
        self.waiting = 0
        #: Whether anybody received since the last :meth:`cool`.
        self.warm = True

    def arrived(self, shard: str, count: int) -> None:
        """Messages came from ``shard`` and used up credit."""
        self._gave.add(shard)
        used = min(count, self._granted[shard])
        self._granted[shard] -= used
        self._unread += count
        self._ahead += count - used

    def taken(self, count: int) -> None:
        """Messages were handed over, or dropped here."""
        self.warm = True
        self._taken += count
        self.forgotten(count)

    def starved(self) -> None:
        """A reader found nothing: if half a window was taken since, the window is too small."""
        self.warm = True
        if 2 * self._taken >= self._window:
            self._window = min(self._prefetch, 2 * self._window)
        self._taken = 0

    def wanted(self, *, at_once: bool = False) -> list[Ask]:
        """The credit to add at each shard, if it is time to; it counts as granted.

        Credit is asked for in bulk, when half of it is used; but a shard without any hears
        at once of a reader that waits, or that looked in vain and may not wait (``at_once``),
        since its messages would not be seen.
        """
        target = self.waiting + self._window
        due = 2 * self._ahead <= target
        if not (due or at_once or self.waiting):
            return []
        share = -(-max(0, target - self._unread) // len(self._granted))
        asks = [
            Ask(shard, share - granted, shard in self._unsure)
            for shard, granted in self._granted.items()
            if share > granted and (due or not granted)
        ]
        for shard, credit, _ in asks:
            self._granted[shard] += credit
            self._ahead += credit
            self._unsure.discard(shard)
        return asks

    @property
    def blind(self) -> bool:
        """Whether nothing lies here, and a shard may have messages that it wasn't asked for."""
        return not self._unread and not all(self._granted.values())

    def cool(self) -> bool:
        """True if nobody received since the last call: the demand may be given up."""
        was_warm, self.warm = self.warm, False
        return not was_warm and not self.waiting

    def forget(self, shard: str) -> None:
        """The credit at a shard may be gone."""
        self._ahead -= self._granted[shard]
        self._granted[shard] = 0
        self._unsure.add(shard)

    def renew(self, shard: str) -> None:
        """Doubt the credit at a shard that gave nothing since the last call."""
        if shard not in self._gave:
            self.forget(shard)
        self._gave.discard(shard)

    def forgotten(self, count: int) -> None:
        """Messages lie here no more, and nobody took them."""
        used = min(count, self._unread)
        self._unread -= used
        self._ahead -= used
