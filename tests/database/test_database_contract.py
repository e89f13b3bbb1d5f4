"""The conformance kit on each database."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from benchmarks.database_servers import (
    MariaDBServer,
    MySQLServer,
    OldestPostgreSQLServer,
    PostgreSQLServer,
)
from database_support import FAST, MakeLayer, wipe

from fairway.conformance import LayerHarness
from fairway.conformance.pytest_plugin import ConformanceCase
from fairway.database import DatabaseChannelLayer

PREFIX = "contract"


class DatabaseHarness(LayerHarness):
    """Also makes the database lose the layer's data."""

    def __init__(self, alias: str, run: Callable[..., Any] = asyncio.run, **config: Any):
        self._alias = alias
        super().__init__(
            DatabaseChannelLayer,
            {"alias": alias, "prefix": PREFIX, **FAST, **config},
            run=run,
            moment=0.1,
        )
        self.can |= {"wipe"}

    async def wipe(self) -> None:
        await asyncio.to_thread(wipe, self._alias, PREFIX)


def test_contract_on_sqlite(conformance_case: ConformanceCase, sqlite: Path) -> None:
    conformance_case(DatabaseHarness("sqlite"))


def test_contract_on_postgresql(
    conformance_case: ConformanceCase, postgresql: PostgreSQLServer
) -> None:
    conformance_case(DatabaseHarness("postgresql"))


def test_contract_on_mariadb(conformance_case: ConformanceCase, mariadb: MariaDBServer) -> None:
    conformance_case(DatabaseHarness("mariadb"))


def test_contract_on_mysql(conformance_case: ConformanceCase, mysql: MySQLServer) -> None:
    conformance_case(DatabaseHarness("mysql"))


def test_contract_on_the_oldest_postgresql(
    conformance_case: ConformanceCase, oldest_postgresql: OldestPostgreSQLServer
) -> None:
    conformance_case(DatabaseHarness("oldest_postgresql"))


def test_encrypted_under_uvloop(make_layer: MakeLayer, alias: str) -> None:
    keys = ["new key", "old key"]
    sender = make_layer(alias, symmetric_encryption_keys=keys[1:])
    receiver = make_layer(alias, symmetric_encryption_keys=keys)

    async def round_trip() -> None:
        channel = await receiver.new_channel()
        await sender.send(channel, {"text": "secret"})
        assert await receiver.receive(channel) == {"text": "secret"}

    uvloop.run(round_trip())
