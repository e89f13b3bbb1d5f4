"""Real servers, layers that are closed, and an end that leaves nothing behind."""

import asyncio
import random
import secrets
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from benchmarks.redis_server import RedisServer, servers
from redis_support import FAST, MakeLayer, wait_for

from fairway.redis import RedisChannelLayer
from left_behind import complaints, no_thread_left

__all__ = ["complaints", "no_thread_left"]  # fixtures for all tests here


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> Iterator[RedisServer]:
    """An empty server; whoever breaks it uses ``own_server``."""
    shared_server.admin.flushall()
    yield shared_server
    wait_for(lambda: not shared_server.connections(), "connections are left")


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that the test may kill."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def lasting_server() -> Iterator[RedisServer]:
    """A server that keeps its data when it is killed."""
    with RedisServer(persistent=True) as server:
        yield server


@pytest.fixture(scope="session")
def eight_servers() -> Iterator[list[RedisServer]]:
    with servers(8) as started:
        yield started


@pytest.fixture
def shared_servers(eight_servers: list[RedisServer]) -> Iterator[list[RedisServer]]:
    """Eight empty servers; whoever breaks one uses ``own_server``."""
    for server in eight_servers:
        server.admin.flushall()
    yield eight_servers
    for server in eight_servers:
        wait_for(lambda server=server: not server.connections(), "connections are left")


@pytest.fixture
def make_layer(
    request: pytest.FixtureRequest,
) -> Generator[MakeLayer, None, None]:
    """Makes layers on servers, and closes them."""
    made: list[RedisChannelLayer] = []

    def make(*hosts: Any, **config: Any) -> RedisChannelLayer:
        named = [host.url if isinstance(host, RedisServer) else host for host in hosts]
        layer = RedisChannelLayer(named, **{**FAST, **config})
        made.append(layer)
        return layer

    # The server's fixture must outlive the layers.
    for name in ("server", "own_server", "lasting_server", "shared_servers"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
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
