"""How many unread messages a channel may hold."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from functools import lru_cache

from ..errors import ConfigurationError
from ..names import Address

_CACHED_NAMES = 4096


class Capacities:
    """A default capacity, and exceptions by glob or compiled regex; the first match wins.

    A process-specific channel is tried by its name and by its name without the node,
    so that ``"http.response!*"`` covers every node's ``http.response`` channels.
    """

    def __init__(self, default: int, patterns: Mapping[str | re.Pattern[str], int] | None = None):
        self.default = _positive("capacity", default)
        if patterns is not None and not isinstance(patterns, Mapping):
            raise ConfigurationError(
                f"channel_capacity is {patterns!r}; it is a dict from globs or regexes to numbers"
            )
        self._patterns = [
            (_compiled(key), _positive(f"channel_capacity[{key!r}]", capacity))
            for key, capacity in (patterns or {}).items()
        ]
        #: The capacity of every channel, where there are no exceptions.
        self.uniform = None if patterns else self.default
        self._cached = lru_cache(maxsize=_CACHED_NAMES)(self._search)

    def of(self, address: Address) -> int:
        """The capacity of this channel, in messages."""
        return self._cached(address) if self._patterns else self.default

    def _search(self, address: Address) -> int:
        names = (address.name, _without_node(address))
        for pattern, capacity in self._patterns:
            if any(pattern.match(name) for name in names):
                return capacity
        return self.default


def _without_node(address: Address) -> str:
    if address.node is None:
        return address.name
    prefix = address.inbox[: -len(address.node) - 1].rstrip(".")
    return f"{prefix}!{address.name[len(address.inbox) :]}"


def _compiled(key: str | re.Pattern[str]) -> re.Pattern[str]:
    if isinstance(key, re.Pattern) and isinstance(key.pattern, str):
        return key
    if isinstance(key, str):
        return re.compile(fnmatch.translate(key))
    raise ConfigurationError(
        f"channel_capacity has the key {key!r}; keys are globs ('chat.*') or compiled regexes"
    )


def _positive(key: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{key} is {value!r}; it is a whole number of messages, 1 or more")
    return value
