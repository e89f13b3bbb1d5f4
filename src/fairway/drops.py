"""What was dropped, by cause: counted, and named in the log without flooding it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger("fairway.drops")

#: Seconds between two log lines for one cause.
LOG_INTERVAL = 10.0

_EXPLANATIONS = {
    "expired": "nobody read them within the layer's expiry",
    "over_capacity": "a group_send met channels that were full",
    "reader_died": "the channel or the process that was to read them is gone",
    "undecodable": "the store holds bytes that are not a message, or under another key",
}


class Drops:
    """Counters by cause, and a log line for each cause at most every ``LOG_INTERVAL``."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter(dict.fromkeys(_EXPLANATIONS, 0))
        self._unlogged: Counter[str] = Counter()
        self._next_line: dict[str, float] = {}

    def record(self, cause: str, channel: str, count: int) -> None:
        """Count ``count`` messages of ``channel`` as dropped. Never call it under a lock:

        log handlers are free to use the layer.
        """
        now = self._clock()
        with self._lock:
            self._counts[cause] += count
            self._unlogged[cause] += count
            if now < self._next_line.get(cause, now):
                return
            self._next_line[cause] = now + LOG_INTERVAL
            total = self._unlogged.pop(cause)
        logger.warning(
            "%d message%s dropped as %s, lastly for %s: %s",
            total, "" if total == 1 else "s", cause, channel, _EXPLANATIONS[cause],
        )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Messages dropped so far, by cause."""
        with self._lock:
            return dict(self._counts)
