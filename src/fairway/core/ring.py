"""Which shard a name lives on: rendezvous hashing over the shards' names.

Every process computes the same answer from the same set of names, in whatever
order they are listed, and adding a shard moves only 1/(n+1) of all names: those
that the new shard wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from ..errors import ConfigurationError

_CACHED_NAMES = 16384


class Ring:
    """An immutable set of shard names that answers where a name lives."""

    def __init__(self, shards: Iterable[str]):
        self.shards = tuple(sorted(shards))
        if not self.shards:
            raise ConfigurationError("a ring needs at least one shard")
        if len(set(self.shards)) != len(self.shards):
            raise ConfigurationError(f"two shards have the same name: {', '.join(self.shards)}")
        self._cached = lru_cache(maxsize=_CACHED_NAMES)(self._highest)

    def shard_of(self, name: str) -> str:
        """The shard that holds everything stored under ``name``."""
        return self.shards[0] if len(self.shards) == 1 else self._cached(name)

    def _highest(self, name: str) -> str:
        return max(self.shards, key=lambda shard: _weight(shard, name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ring) and self.shards == other.shards

    def __hash__(self) -> int:
        return hash(self.shards)

    def __repr__(self) -> str:
        return f"Ring({', '.join(self.shards)})"


def _weight(shard: str, name: str) -> bytes:
    # The built-in hash() differs by process, so it can't place a name.
    return blake2b(f"{shard}\0{name}".encode(), digest_size=8).digest()
