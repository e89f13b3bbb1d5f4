"""Statistics of several shards as those of one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..types import Statistics


class ShardFigures(Statistics, total=False):
    """The figures of one shard; ``waiting``: normal channels with messages, which others
    may hold messages of too."""

    waiting: Sequence[str]


def merge_figures(figures: Sequence[ShardFigures]) -> Statistics:
    """Sums, and the oldest of the oldest."""
    drops: Counter[str] = Counter()
    for shard in figures:
        drops.update(shard["drops"])
    merged: Statistics = {
        "messages_count": sum(shard["messages_count"] for shard in figures),
        "messages_count_per_second": sum(shard["messages_count_per_second"] for shard in figures),
        "messages_pending": sum(shard["messages_pending"] for shard in figures),
        "messages_max_age": max(shard["messages_max_age"] for shard in figures),
        "channel_full_count": sum(shard["channel_full_count"] for shard in figures),
        "drops": dict(drops),
    }
    if all("groups" in shard for shard in figures):
        merged["groups"] = sum(shard["groups"] for shard in figures)
        waiting = [name for shard in figures for name in shard.get("waiting", ())]
        again = len(waiting) - len(set(waiting))
        merged["channels"] = sum(shard["channels"] for shard in figures) - again
    return merged
