"""A layer on each store in turn, for tests without an event loop."""

import asyncio
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.database_servers import MariaDBServer, PostgreSQLServer
from benchmarks.servers import redis_server

from fairway.layer import ChannelLayer
from fairway.memory import InMemoryChannelLayer
from fairway.redis import RedisChannelLayer

sys.path.insert(0, str(Path(__file__).parents[1] / "database"))
from database_support import FAST, know

MakeLayer = Callable[..., ChannelLayer]
STORES = ["memory", "redis", "sqlite", "postgresql", "mariadb"]


@pytest.fixture(scope="session")
def redis() -> Iterator[dict[str, Any]]:
    with redis_server() as url:
        yield {"hosts": [url]}


# Other aliases than those of the tests of the database layer, which may run in this process.


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("classic") / "db.sqlite3"
    know("classic-sqlite", {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)})
    return {"alias": "classic-sqlite"}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[dict[str, Any]]:
    with PostgreSQLServer() as server:
        know("classic-postgresql", server.settings)
        yield {"alias": "classic-postgresql"}


@pytest.fixture(scope="session")
def mariadb() -> Iterator[dict[str, Any]]:
    import benchmarks.django_settings  # noqa: F401  # finds a driver

    with MariaDBServer() as server:
        know("classic-mariadb", server.settings)
        yield {"alias": "classic-mariadb"}


@pytest.fixture(params=STORES)
def make_layer(request: pytest.FixtureRequest) -> Iterator[MakeLayer]:
    """Makes layers on one store, each test's apart from the others', and closes them."""
    made: list[ChannelLayer] = []
    prefix = f"c{secrets.token_hex(4)}"
    config = {} if request.param == "memory" else request.getfixturevalue(request.param)

    def make(**options: Any) -> ChannelLayer:
        if request.param == "memory":
            layer: ChannelLayer = InMemoryChannelLayer(**options)
        elif request.param == "redis":
            layer = RedisChannelLayer(**config, **FAST, prefix=prefix, **options)
        else:
            from fairway.database import DatabaseChannelLayer

            layer = DatabaseChannelLayer(**config, **FAST, prefix=prefix, **options)
        made.append(layer)
        return layer

    yield make
    for layer in made:
        asyncio.run(layer.close())
