"""The conformance kit on each database."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from benchmarks.database_servers import MariaDBServer, PostgreSQLServer
from database_support import FAST
from django.db import connections

from fairway.conformance import LayerHarness
from fairway.conformance.pytest_plugin import ConformanceCase
from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.database.statements import table_names

PREFIX = "contract"


class DatabaseHarness(LayerHarness):
    """Also makes the database lose the layer's data."""

    def __init__(self, alias: str, run: Callable[..., Any] = asyncio.run, **config: Any):
        self._alias = alias
        super().__init__(
            DatabaseChannelLayer, {"alias": alias, "prefix": PREFIX, **FAST, **config}, run=run
        )
        self.can |= {"wipe"}

    async def wipe(self) -> None:
        await asyncio.to_thread(_wipe, self._alias)


def _wipe(alias: str) -> None:
    connection = Connection(alias, PREFIX)
    try:
        for table in table_names(PREFIX).values():
            _patiently(connection, f"DELETE FROM {table}")
    finally:
        connection.close()


def _patiently(connection: Connection, text: str) -> None:
    from fairway.database.faults import Conflict

    while True:
        try:
            connection.execute(text)
            if connection.features.vendor == "mysql":
                connection.execute("COMMIT")
            return
        except Conflict:
            connection.rollback()


def test_contract_on_sqlite(conformance_case: ConformanceCase, sqlite: Path) -> None:
    conformance_case(DatabaseHarness("sqlite"))


def test_contract_on_sqlite_under_uvloop(conformance_case: ConformanceCase, sqlite: Path) -> None:
    keys = ["new key", "old key"]
    conformance_case(DatabaseHarness("sqlite", uvloop.run, symmetric_encryption_keys=keys))


def test_contract_on_postgresql(
    conformance_case: ConformanceCase, postgresql: PostgreSQLServer
) -> None:
    conformance_case(DatabaseHarness("postgresql"))


def test_contract_on_mariadb(conformance_case: ConformanceCase, mariadb: MariaDBServer) -> None:
    conformance_case(DatabaseHarness("mariadb"))


def test_our_connections_are_not_the_applications(sqlite: Path) -> None:
    assert "sqlite" not in connections._connections.__dict__
