"""Real servers, layers that are closed, and an end that leaves nothing behind."""

import asyncio
import random
import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from benchmarks.database_servers import (
    DatabaseServer,
    MariaDBServer,
    MySQLServer,
    OldestPostgreSQLServer,
    PostgreSQLServer,
)
from database_support import FAST, MakeLayer, know

from fairway.database import DatabaseChannelLayer
from left_behind import complaints, no_thread_left

__all__ = ["complaints", "no_thread_left"]  # fixtures for all tests here


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application's SQLite file."""
    path = tmp_path_factory.mktemp("sqlite") / "db.sqlite3"
    know("sqlite", {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)})
    return path


S = TypeVar("S", bound=DatabaseServer)


def known(alias: str, server: S) -> Iterator[S]:
    """A server that runs, as an alias."""
    import benchmarks.django_settings  # noqa: F401  # finds a driver for MySQL

    with server:
        know(alias, server.settings)
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    yield from known("postgresql", PostgreSQLServer())


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    yield from known("mariadb", MariaDBServer())


@pytest.fixture(scope="session")
def mysql() -> Iterator[MySQLServer]:
    for server in known("mysql", MySQLServer()):
        ((version,),) = server.ask("SELECT VERSION()")
        assert "MariaDB" not in version
        yield server


@pytest.fixture(scope="session")
def oldest_postgresql() -> Iterator[OldestPostgreSQLServer]:
    for server in known("oldest_postgresql", OldestPostgreSQLServer()):
        ((version,),) = server.ask("SHOW server_version")
        assert version.startswith("13.")
        yield server


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "mysql"])
def alias(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture
def make_layer(request: pytest.FixtureRequest) -> Generator[MakeLayer, None, None]:
    """Makes layers, each test's in tables of its own, and closes them."""
    made: list[DatabaseChannelLayer] = []
    prefix = f"t{secrets.token_hex(4)}"
    for name in ("alias", "sqlite", "postgresql", "mariadb", "mysql", "oldest_postgresql"):
        if name in request.fixturenames:
            request.getfixturevalue(name)  # the servers must outlive the layers

    def make(alias: str, **config: object) -> DatabaseChannelLayer:
        layer = DatabaseChannelLayer(alias, **{"prefix": prefix, **FAST, **config})  # type: ignore[arg-type]
        made.append(layer)
        return layer

    yield make

    async def close() -> None:
        await asyncio.gather(*[layer.close() for layer in made])

    asyncio.run(close())


@pytest.fixture
def dice() -> random.Random:
    """Random numbers whose seed a failure shows."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)
