"""Counting messages: totals, and rates over the last seconds."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from operator import itemgetter

from ..names import Address

#: Seconds a rate looks back, and between two samples.
WINDOW = 10.0
SAMPLE_INTERVAL = 1.0
#: Inboxes whose own figures are kept; the totals of all are always exact.
_KEPT = 1000

_INBOX = itemgetter(Address._fields.index("inbox"))

_Sample = tuple[float, int, dict[str, int]]


class Meters:
    """Messages sent and full channels met: in all, and by inbox for those lately new.

    Counting must cost next to nothing, so it only adds up; rates come from samples
    that :meth:`tick` takes. ``now`` is seconds on a clock that only goes forward.
    """

    def __init__(self, now: float) -> None:
        self.fulls: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self._pruned = 0
        self._pruned_fulls = 0
        self._samples: deque[_Sample] = deque([(now, 0, {})])
        self.ticks_at = now + SAMPLE_INTERVAL

    def count(self, inbox: str, count: int) -> None:
        """Count messages sent to ``inbox``."""
        self.counts[inbox] = self.counts.get(inbox, 0) + count

    def count_full(self, inbox: str, count: int) -> None:
        """Count messages that met a full channel of ``inbox``."""
        self.fulls[inbox] = self.fulls.get(inbox, 0) + count

    def count_group(self, sent: Iterable[Address], full: Iterable[Address]) -> None:
        """Count one message to each of ``sent``, some of which were ``full`` and missed it."""
        for inbox, count in Counter(map(_INBOX, sent)).items():
            self.count(inbox, count)
        for inbox, count in Counter(map(_INBOX, full)).items():
            self.count(inbox, -count)
            self.count_full(inbox, count)

    @property
    def total(self) -> int:
        """Messages counted since the beginning."""
        return self._pruned + sum(self.counts.values())

    @property
    def total_full(self) -> int:
        """Full channels met since the beginning."""
        return self._pruned_fulls + sum(self.fulls.values())

    def rate(self, now: float, inbox: str | None = None) -> float:
        """Messages per second over the last ``WINDOW``, of one inbox or of all."""
        self.tick(now)
        then, total, counts = self._samples[0]
        if now <= then:
            return 0.0
        if inbox is None:
            return (self.total - total) / (now - then)
        # An inbox whose figures were forgotten meanwhile counts from nothing again.
        return max(0, self.counts.get(inbox, 0) - counts.get(inbox, 0)) / (now - then)

    def tick(self, now: float) -> None:
        """Take a sample if it is time to, and bound what is kept."""
        if now < self.ticks_at:
            return
        self.ticks_at = now + SAMPLE_INTERVAL
        if len(self.counts) > 2 * _KEPT:
            self._prune()
        self._samples.append((now, self.total, dict(self.counts)))
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW:
            self._samples.popleft()

    def _prune(self) -> None:
        excess = list(islice(self.counts, len(self.counts) - _KEPT))
        self._pruned += sum(self.counts.pop(inbox) for inbox in excess)
        for inbox in [name for name in self.fulls if name not in self.counts]:
            self._pruned_fulls += self.fulls.pop(inbox)
