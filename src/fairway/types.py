"""The vocabulary of values that cross module borders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

#: What travels: ``str`` keys; values are bytes, str, int, float, bool, None, list, dict, nested.
Message = dict[str, Any]

#: What a sender may hand in: any dict of the above; tuples travel as lists.
Sendable = Mapping[str, Any]


class Statistics(TypedDict, total=False):
    """What :meth:`ChannelLayer.global_statistics` and ``channel_statistics`` return.

    The first five keys are those of the ASGI channel-layer specification's
    *statistics* extension. Ages are in seconds, rates in messages per second.
    """

    messages_count: int
    messages_count_per_second: float
    messages_pending: int
    messages_max_age: float
    channel_full_count: int
    drops: dict[str, int]
    groups: int
    channels: int
