"""What is measured: layers by name, ours and our peers'.

A new layer needs one entry here; the cases of its family then run with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

#: Above anything a case leaves unread: the peers' limits are not what is measured.
PLENTY = 1_000_000


@dataclass(frozen=True)
class Subject:
    """A layer: its class by dotted path, and the configuration it is measured with.

    ``{server}`` in a value of ``config`` stands for the address of the family's server.
    """

    name: str
    path: str
    family: str
    ours: bool
    config: Mapping[str, Any] = field(default_factory=dict)

    def make(self, server: str) -> Any:
        """A layer object, for the process that calls this."""
        module, _, name = self.path.rpartition(".")
        return getattr(import_module(module), name)(**_filled(self.config, server))

    def missing(self) -> str | None:
        """Why it can't be measured here, if it can't."""
        try:
            module, _, name = self.path.rpartition(".")
            getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            return str(error)
        return None


def _filled(value: Any, server: str) -> Any:
    if isinstance(value, str):
        return value.replace("{server}", server)
    if isinstance(value, Mapping):
        return {key: _filled(item, server) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, server) for item in value]
    return value


_REDIS = {"hosts": ["{server}"], "capacity": PLENTY}

_ALL = [
    Subject(
        "fairway.memory", "fairway.memory.InMemoryChannelLayer", "memory", True,
        {"capacity": PLENTY},
    ),
    Subject(
        "channels.memory", "channels.layers.InMemoryChannelLayer", "memory", False,
        {"capacity": PLENTY},
    ),
    Subject(
        "fairway.redis", "fairway.redis.RedisChannelLayer", "redis", True,
        {**_REDIS, "inbox_capacity": PLENTY},
    ),
    Subject(
        "channels_redis.core", "channels_redis.core.RedisChannelLayer", "redis", False, _REDIS
    ),
    Subject(
        "channels_redis.pubsub", "channels_redis.pubsub.RedisPubSubChannelLayer", "redis", False,
        _REDIS,
    ),
]  # fmt: skip

SUBJECTS = {subject.name: subject for subject in _ALL}


def of_family(family: str) -> list[Subject]:
    """The subjects of a family; ours comes first."""
    return [subject for subject in _ALL if subject.family == family]
