"""What a layer costs while nothing happens."""

import asyncio
import time
from pathlib import Path

import pytest
from benchmarks.database_servers import MariaDBServer, PostgreSQLServer
from database_support import MakeLayer

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection

LAST_QUERY = (
    "SELECT max(query_start) FROM pg_stat_activity "
    "WHERE application_name <> 'admin' AND backend_type = 'client backend'"
)


async def after_some_use(layer: DatabaseChannelLayer) -> None:
    channel = await layer.new_channel()
    await layer.send(channel, {})
    await layer.receive(channel)


async def test_postgresql_is_asked_nothing_between_heartbeats(
    postgresql: PostgreSQLServer, make_layer: MakeLayer
) -> None:
    await after_some_use(make_layer("postgresql", heartbeat=60, lease=200))
    deadline = time.monotonic() + 40
    before, now = [], await asyncio.to_thread(postgresql.ask, LAST_QUERY)
    while now != before:  # the last acknowledgement, and what comes after a while
        assert time.monotonic() < deadline, "it asks all the time"
        await asyncio.sleep(2)
        before, now = now, await asyncio.to_thread(postgresql.ask, LAST_QUERY)


@pytest.mark.parametrize(
    "call",
    [("overdue_nodes", 0), ("overdue_channels", 0), ("figures",), ("totals",), ("pending",)],
    ids=lambda call: call[0],
)
def test_postgresql_compiles_no_statement(
    postgresql: PostgreSQLServer, call: tuple[str, ...]
) -> None:
    """As it would with every heartbeat what has no index, for a fifth of a second each."""
    connection = Connection("postgresql", "asgi")
    text, values = connection.statements.render(call)
    plan = connection._one(f"EXPLAIN ANALYZE {text}", values)
    connection.close()
    assert not [line for (line,) in plan if "JIT" in line], plan


async def test_mariadb_is_asked_twenty_times_a_second_at_the_most(
    mariadb: MariaDBServer, make_layer: MakeLayer
) -> None:
    await after_some_use(make_layer("mariadb", heartbeat=60, lease=200))
    await asyncio.sleep(5.5)  # from when on it looks least often
    before, since = await asyncio.to_thread(questions, mariadb), time.monotonic()
    await asyncio.sleep(2)
    asked = await asyncio.to_thread(questions, mariadb) - before
    rate = asked / (time.monotonic() - since)
    print(f"{rate:.1f} queries/s")
    assert 0 < rate < 23


def questions(server: MariaDBServer) -> int:
    ((_, number),) = server.ask("SHOW GLOBAL STATUS LIKE 'Questions'")
    return int(number)


async def test_a_sqlite_file_is_looked_at_seldom_and_cheaply(
    sqlite: Path, make_layer: MakeLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = Connection.data_version

    def counted(connection: Connection) -> int:
        nonlocal looks
        looks += 1
        return look(connection)

    monkeypatch.setattr(Connection, "data_version", counted)
    await after_some_use(make_layer("sqlite", heartbeat=2, lease=10))
    await asyncio.sleep(5.5)  # from when on it looks least often
    shares = []
    for _ in range(3):
        looks, used, since = 0, time.process_time(), time.monotonic()
        await asyncio.sleep(2)
        passed = time.monotonic() - since
        shares.append((time.process_time() - used) / passed)
        print(f"{shares[-1]:.2%} of a core, {looks / passed:.0f} looks/s")
        assert 0 < looks / passed <= 40
    assert min(shares) < 0.02  # half of which a busy machine may add
