"""What was handed over and the database does not know yet: told by whoever writes next."""

from __future__ import annotations

import threading
from collections.abc import Mapping


class HandedOver:
    """Messages by channel, from any thread.

    The reader tells of them with its next fetch, or the desk with its next transaction: so
    a sender that finds a channel full finds it so, however busy the reading process is.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition(threading.Lock())
        self._counts: dict[str, int] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """These were handed over; or they were taken from here and could not be told."""
        with self._lock:
            for name, number in counts.items():
                self._counts[name] = self._counts.get(name, 0) + number
            self._lock.notify_all()

    def wait(self, seconds: float) -> None:
        """Return once there is something to tell of, or after ``seconds``."""
        with self._lock:
            if not self._counts:
                self._lock.wait(seconds)

    def take(self, most: int | None = None) -> dict[str, int]:
        """All of it, or none where that is more than ``most`` channels."""
        with self._lock:
            if most is not None and len(self._counts) > most:
                return {}
            counts, self._counts = self._counts, {}
        return counts
