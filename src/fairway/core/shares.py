"""How a normal channel's capacity is divided among the shards that hold its messages."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32


def share_of(channel: str, capacity: int, shard: str, shards: Sequence[str]) -> int:
    """The messages of ``channel`` that ``shard`` may hold; all shards' together are ``capacity``.

    What does not divide evenly goes to other shards for other channels. ``shards`` must
    be in the same order in every process.
    """
    even, rest = divmod(capacity, len(shards))
    place = (shards.index(shard) - crc32(channel.encode())) % len(shards)
    return even + (place < rest)
