"""Remembering what was found out before, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """``memo[key]`` is ``find(key)``, found once for as long as fewer than ``most`` are kept.

    Begins anew when full: keeping the order of use, as ``functools.lru_cache`` does,
    costs more than the look-up itself.
    """

    def __init__(self, find: Callable[[K], V], most: int):
        super().__init__()
        self._find = find
        self._most = most

    def __missing__(self, key: K) -> V:
        value = self._find(key)
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
