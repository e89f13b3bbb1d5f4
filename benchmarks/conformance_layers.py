"""The layers that :mod:`.conformance` sets beside each other, and how each meets the kit."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairway.conformance import LayerHarness

#: Ours notices a dead process within a lease. The peers have no such option.
_FAST = {"heartbeat": 0.2, "lease": 1.0}


@dataclass(frozen=True)
class Column:
    """A layer: its class by dotted path, the store it works on, and its configuration.

    ``{server}`` in a value stands for the address of the store's server. ``apart``: each case
    has a process of its own, since what one leaves behind there would spoil the next.
    """

    path: str
    store: str
    config: Mapping[str, Any] = field(default_factory=dict)
    apart: bool = False

    def harness(self, server: str) -> LayerHarness:
        """The same patience with all; a whole second is what stores that count seconds need."""
        config = {
            key: [server] if value == "{server}" else value for key, value in self.config.items()
        }
        layer_class = pkgutil.resolve_name(self.path)
        options = {"moment": 1, "patience": 5.0, "lease": 10.0}
        if self.store == "redis":
            return RedisHarness(server, layer_class, config, **options)
        return LayerHarness(layer_class, config, **options)


class RedisHarness(LayerHarness):
    """Also makes the server lose its data."""

    def __init__(self, url: str, layer_class: Any, config: Mapping[str, Any], **options: Any):
        super().__init__(layer_class, config, **options)
        self.can |= {"wipe"}
        self._url = url

    async def wipe(self) -> None:
        from redis.asyncio import Redis

        async with Redis.from_url(self._url) as client:
            await client.flushall()


def channels_postgres(**config: Any) -> Any:
    """The peer on the database of these processes."""
    import django

    django.setup()
    from channels_postgres.core import PostgresChannelLayer
    from django.db import connections

    connections.settings["channels_postgres"] = connections.settings["postgresql"]
    return PostgresChannelLayer(**connections.settings["postgresql"], **config)


_ON_REDIS = {"hosts": "{server}"}
_DATABASE = "fairway.database.DatabaseChannelLayer"

COLUMNS = {
    "fairway.memory": Column("fairway.memory.InMemoryChannelLayer", "memory"),
    "fairway.redis": Column("fairway.redis.RedisChannelLayer", "redis", {**_ON_REDIS, **_FAST}),
    "fairway.sqlite": Column(_DATABASE, "sqlite", {"alias": "sqlite", **_FAST}),
    "fairway.postgresql": Column(_DATABASE, "postgresql", {"alias": "postgresql", **_FAST}),
    "fairway.mariadb": Column(_DATABASE, "mariadb", {"alias": "mariadb", **_FAST}),
    "fairway.mysql": Column(_DATABASE, "mysql", {"alias": "mysql", **_FAST}),
    "channels_redis.core": Column(
        "channels_redis.core.RedisChannelLayer", "redis", _ON_REDIS, apart=True
    ),
    "channels_redis.pubsub": Column(
        "channels_redis.pubsub.RedisPubSubChannelLayer", "redis", _ON_REDIS, apart=True
    ),
    "channels_postgres": Column(f"{__name__}.channels_postgres", "postgresql", apart=True),
    "channels.memory": Column("channels.layers.InMemoryChannelLayer", "memory", apart=True),
}
