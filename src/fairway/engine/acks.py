"""Tells the shards which of the messages they count were handed over."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from ..errors import LayerClosed
from .session import Session


class Acks:
    """Acknowledgements by shard and channel, from any thread.

    A loop with a session of its own adds to its outbox; all others gather here until the
    I/O thread's next turn. While a shard is being told afresh what waits here, what is
    handed over meanwhile is held back: told before, it would be counted as waiting again.
    """

    def __init__(
        self, home_soon: Callable[..., None], add: Callable[[str, Mapping[str, int]], None]
    ):
        self._home_soon = home_soon
        self._add_at_home = add
        self._lock = threading.Lock()
        self._gathered: dict[str, Counter[str]] = {}
        self._scheduled = False
        self._held: dict[str, Counter[str]] = {}

    def add(self, session: Session | None, shard: str, numbers: Mapping[str, int]) -> None:
        """So many messages of each channel, which ``shard`` counts, were handed over."""
        if session is not None and not self._held:
            writer = session.writers[shard]
            writer.outbox.ack(numbers)
            writer.flush_soon()
            return
        with self._lock:
            held = self._held.get(shard)
            if held is not None:
                held.update(numbers)
                return
            self._gathered.setdefault(shard, Counter()).update(numbers)
            schedule, self._scheduled = not self._scheduled, True
        if schedule:
            with contextlib.suppress(LayerClosed):  # then all counts of this node are gone
                self._home_soon(self._flush)

    def hold(self, shard: str) -> None:
        """Keep what is handed over from now on until :meth:`resume`."""
        with self._lock:
            self._held.setdefault(shard, Counter())

    def forget_held(self, shard: str) -> None:
        """The shard will be told of what waits at this moment: what was held until now is in it."""
        with self._lock:
            if shard in self._held:
                self._held[shard] = Counter()

    def resume(self, shard: str) -> None:
        """Send what was held; call it in the I/O thread."""
        with self._lock:
            held = self._held.pop(shard, Counter())
        if held:
            self._add_at_home(shard, held)

    def _flush(self) -> None:
        with self._lock:
            gathered, self._gathered, self._scheduled = self._gathered, {}, False
        for shard, numbers in gathered.items():
            self._add_at_home(shard, numbers)
