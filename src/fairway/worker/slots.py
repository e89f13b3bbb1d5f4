"""How much a worker does at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Slots:
    """Counts what runs in each pool against the pool's limit."""

    def __init__(self, limits: Mapping[str, int]):
        self._free = dict(limits)

    def take(self, pool: str) -> None:
        """One more runs in ``pool``."""
        self._free[pool] -= 1

    def give_back(self, pool: str) -> None:
        """One in ``pool`` has finished."""
        self._free[pool] += 1

    def have_room(self, pools: Iterable[str]) -> bool:
        """Whether one more could run, whichever of ``pools`` it needs."""
        return all(self._free[pool] > 0 for pool in pools)
