"""What is measured: layers and programs by name, ours and our peers'.

A new layer needs one entry here; the cases of its family then run with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .servers import DATABASES

#: Above anything a case leaves unread: the peers' limits are not what is measured.
PLENTY = 1_000_000


@dataclass(frozen=True)
class Layer:
    """A layer: its class by dotted path, and the configuration it is measured with.

    ``{server}`` in a value of ``config`` stands for the address of the store's server;
    a value that is ``{servers}`` for the list of all, where a case has several.
    """

    name: str
    path: str
    family: str
    ours: bool
    config: Mapping[str, Any] = field(default_factory=dict)
    #: Families of cases on other stores where it is set beside their layers.
    beside: tuple[str, ...] = ()

    def make(self, servers: Sequence[str], changes: Mapping[str, Any]) -> Any:
        """A layer object, for the process that calls this; ``changes`` to its configuration."""
        module, _, name = self.path.rpartition(".")
        return getattr(import_module(module), name)(**_filled({**self.config, **changes}, servers))

    def missing(self) -> str | None:
        """Why it can't be measured here, if it can't."""
        try:
            module, _, name = self.path.rpartition(".")
            getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            return str(error)
        return None


@dataclass(frozen=True)
class Program:
    """A server: the module that Python runs and its arguments; ``{port}`` is where it listens."""

    name: str
    family: str
    ours: bool
    arguments: list[str]

    def missing(self) -> str | None:
        """Why it can't be measured here, if it can't."""
        module = self.arguments[0]
        return None if find_spec(module) else f"there is no module {module}"


def _filled(value: Any, servers: Sequence[str]) -> Any:
    if value == "{servers}":
        return list(servers)
    if isinstance(value, str):
        return value.replace("{server}", servers[0] if servers else "")
    if isinstance(value, Mapping):
        return {key: _filled(item, servers) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, servers) for item in value]
    return value


_REDIS = {"hosts": "{servers}", "capacity": PLENTY}
_BESIDE_DATABASES = (*DATABASES, *(f"{alias}-beside" for alias in DATABASES))

_LAYERS = [
    Layer(
        "fairway.memory", "fairway.memory.InMemoryChannelLayer", "memory", True,
        {"capacity": PLENTY},
    ),
    Layer(
        "channels.memory", "channels.layers.InMemoryChannelLayer", "memory", False,
        {"capacity": PLENTY},
    ),
    Layer(
        "fairway.redis", "fairway.redis.RedisChannelLayer", "redis", True,
        {**_REDIS, "inbox_capacity": PLENTY},
    ),
    Layer(
        "channels_redis.core", "channels_redis.core.RedisChannelLayer", "redis", False, _REDIS,
        _BESIDE_DATABASES,
    ),
    Layer(
        "channels_redis.pubsub", "channels_redis.pubsub.RedisPubSubChannelLayer", "redis", False,
        _REDIS, _BESIDE_DATABASES,
    ),
    Layer("bare", "benchmarks.bare.BareLayer", "floor", False, {"hosts": "{servers}"}, ("redis",)),
    *[
        Layer(
            f"fairway.{alias}", "fairway.database.DatabaseChannelLayer", alias, True,
            {"alias": alias, "capacity": PLENTY, "inbox_capacity": PLENTY},
        )
        for alias in DATABASES
    ],
    Layer("channels_postgres", "benchmarks.database_servers.peer_layer", "postgresql", False),
]  # fmt: skip

LAYERS = {layer.name: layer for layer in _LAYERS}

_APPLICATION = "benchmarks.application:application"
_PORT = ["--port", "{port}", "--log-level", "warning"]

_PROGRAMS = [
    Program("fairway.dev", "dev", True, ["fairway", "dev", _APPLICATION, *_PORT]),
    Program("uvicorn", "dev", False, ["uvicorn", _APPLICATION, *_PORT]),
]

Subject = Layer | Program


def store_of(family: str) -> str:
    """What the layers of a family of cases work on: ``redis-idle`` is of ``redis``."""
    return family.partition("-")[0]


def of_family(family: str) -> list[Subject]:
    """The subjects of a family of cases; ours comes first."""
    subjects: list[Subject] = [*_LAYERS, *_PROGRAMS]
    store = store_of(family)
    own = [subject for subject in subjects if subject.family == store]
    return own + [s for s in subjects if isinstance(s, Layer) and family in s.beside]
