"""Whether an object has what servers and workers need of a channel layer, whatever its class."""

from __future__ import annotations

from typing import Any

from .errors import ConfigurationError

#: What interface servers, workers and consumers call or read.
NEEDED = (
    "send", "receive", "receive_many", "new_channel", "make_channel_name", "forget_channel",
    "group_add", "group_discard", "group_send", "group_channels", "blocking",
    "expiry", "get_capacity", "close",
)  # fmt: skip


def check_layer(layer: Any, name: str) -> None:
    """Raise :class:`ConfigurationError`, naming what ``layer`` lacks, if it lacks anything."""
    lacking = [part for part in NEEDED if not _has(layer, part)]
    if lacking:
        raise ConfigurationError(
            f"{name} is no channel layer for servers and workers: it has no {', '.join(lacking)}. "
            "Fairway's own have all that is needed, such as fairway.redis.RedisChannelLayer"
        )


def _has(layer: Any, part: str) -> bool:
    try:
        return hasattr(layer, part)
    except RuntimeError:  # channels_redis's pubsub layer has nothing to show outside of a loop
        return False
