"""The conformance kit: one server, three shards, encryption, uvloop."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from benchmarks.redis_server import RedisServer, servers
from redis_support import FAST

from fairway.conformance import LayerHarness
from fairway.conformance.pytest_plugin import ConformanceCase
from fairway.redis import RedisChannelLayer


class RedisHarness(LayerHarness):
    """Also makes the servers lose their data."""

    def __init__(self, started: list[RedisServer], run: Callable[..., Any], **config: Any):
        hosts = [server.url for server in started]
        super().__init__(RedisChannelLayer, {"hosts": hosts, **FAST, **config}, run=run)
        self.can |= {"wipe"}
        self._servers = started

    async def wipe(self) -> None:
        for server in self._servers:
            server.admin.flushall()


@pytest.fixture(scope="module")
def three() -> Iterator[list[RedisServer]]:
    with servers(3) as started:
        yield started


def test_contract(conformance_case: ConformanceCase, shared_server: RedisServer) -> None:
    conformance_case(RedisHarness([shared_server], asyncio.run))


def test_contract_on_three_shards(
    conformance_case: ConformanceCase, three: list[RedisServer]
) -> None:
    conformance_case(RedisHarness(three, asyncio.run))


def test_contract_encrypted(conformance_case: ConformanceCase, shared_server: RedisServer) -> None:
    keys = ["new key", "old key"]
    conformance_case(RedisHarness([shared_server], asyncio.run, symmetric_encryption_keys=keys))


def test_contract_under_uvloop(
    conformance_case: ConformanceCase, shared_server: RedisServer
) -> None:
    conformance_case(RedisHarness([shared_server], uvloop.run))
