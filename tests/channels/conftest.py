"""Backends for projects that were written for Channels."""

import asyncio
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from benchmarks.database_servers import MariaDBServer, PostgreSQLServer
from benchmarks.redis_server import RedisServer
from channels_support import BACKENDS, PROJECT, Backend, know, on_database

# As the tests of the database layer, which may run in the same process.
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.django_settings"
sys.path.insert(0, str(PROJECT))

LIBRARIES = ["channels", "Django", "redis", "daphne", "asgiref"]


def pytest_report_header() -> str:
    return "with " + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)


@pytest.fixture(scope="session")
def memory() -> Backend:
    return Backend("memory", {"BACKEND": "fairway.memory.InMemoryChannelLayer"})


@pytest.fixture(scope="session")
def redis() -> Iterator[Backend]:
    with RedisServer() as server:
        config = {"hosts": [("127.0.0.1", server.port)]}
        yield Backend("redis", {"BACKEND": "fairway.redis.RedisChannelLayer", "CONFIG": config})


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    path = tmp_path_factory.mktemp("sqlite") / "db.sqlite3"
    test = {"NAME": str(path.with_name("test.sqlite3"))}
    settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "TEST": test}
    return on_database("sqlite", settings)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Backend]:
    with PostgreSQLServer() as server:
        yield on_database("postgresql", server.settings)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Backend]:
    import benchmarks.django_settings  # noqa: F401  # finds a driver

    with MariaDBServer() as server:
        yield on_database("mariadb", server.settings)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn."""
    chosen: Backend = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(params=BACKENDS[1:])
def cross_process(request: pytest.FixtureRequest) -> Backend:
    """Each backend that processes reach each other through."""
    chosen: Backend = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def channel_layers(backend: Backend) -> Iterator[Backend]:
    """CHANNEL_LAYERS in this process: `default` and `second`, of one backend each."""
    from channels.layers import get_channel_layer
    from django.test import override_settings

    know(backend)
    second = {**backend.layer, "CONFIG": {**backend.layer.get("CONFIG", {}), **apart(backend)}}
    with override_settings(CHANNEL_LAYERS={"default": backend.layer, "second": second}):
        yield backend
        for alias in ("default", "second"):
            asyncio.run(get_channel_layer(alias).close())


def apart(backend: Backend) -> dict[str, str]:
    return {"prefix": "second"} if backend.is_cross_process else {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a project's own database and its processes' logs are."""
    return tmp_path
