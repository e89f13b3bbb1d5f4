"""Every fault that a database can do to a layer, done to it, with a ledger of all messages."""

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks.database_servers import DatabaseServer, PostgreSQLServer
from benchmarks.ledger import Ledger, by_channel
from benchmarks.traffic import Traffic
from database_support import BACKENDS, MakeLayer, backends, know, until

from fairway.database import DatabaseChannelLayer, postgres
from fairway.database.place import file_beside
from fairway.errors import OutcomeUnknown, StoreUnavailable
from flowing import groups_are_whole
from waiting import eventually


@asynccontextmanager
async def load(make: MakeLayer, dice: random.Random, alias: str) -> AsyncIterator[Traffic]:
    """Traffic from one layer to two others; afterwards, everything must add up."""
    sender, *receivers = [make(alias) for _ in range(3)]
    traffic = Traffic(Ledger(), sender, receivers, dice)
    await traffic.start()
    await until(lambda: traffic.ledger.arrivals() > 50, "no traffic")
    try:
        yield traffic
    finally:
        await traffic.stop_sending()
    await traffic.settle(2)
    await traffic.stop()
    print(traffic.ledger.fates(), traffic.ledger.arrivals(), "arrivals")
    traffic.ledger.check()
    assert not traffic.ledger.unsettled()


async def flows_again(traffic: Traffic) -> None:
    """Every channel receives something that is sent from now on."""
    first = len(traffic.ledger)
    wanted = {*traffic.specific, traffic.normal}
    await until(
        lambda: wanted <= traffic.ledger.reached(first),
        f"not all of {wanted} are reached: {traffic.ledger.reached(first)}",
    )


async def drops(layer: DatabaseChannelLayer) -> int:
    return sum((await layer.global_statistics())["drops"].values())


async def adds_up(traffic: Traffic, layer: DatabaseChannelLayer, **span: int) -> None:
    missing = traffic.ledger.missing(**span)
    assert len(missing) <= await drops(layer), by_channel(missing)


@pytest.fixture(params=["postgresql", "mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each database server in turn."""
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def server_alias(server: DatabaseServer) -> str:
    return server.title.lower()


async def test_connections_cut_at_random_moments(
    make_layer: MakeLayer, server: DatabaseServer, server_alias: str, dice: random.Random
) -> None:
    async with load(make_layer, dice, server_alias) as traffic:
        for _ in range(8):
            await asyncio.sleep(0.1 * dice.random())
            # Those that are being opened anew just now are none.
            await eventually(lambda: asyncio.to_thread(server.cut_connections), "none is open")
        await flows_again(traffic)
    await adds_up(traffic, make_layer(server_alias))


async def test_the_listening_connection_killed_alone(
    make_layer: MakeLayer, postgresql: PostgreSQLServer
) -> None:
    # With a heartbeat that does not come to help.
    layer, sender = make_layer("postgresql", heartbeat=20, lease=100), make_layer("postgresql")
    channel = await layer.new_channel()
    await sender.send(channel, {"number": -1})
    assert await layer.receive(channel) == {"number": -1}
    before = await asyncio.to_thread(backends, postgresql)
    feed: Any = layer.store.shards["postgresql"]._feed  # type: ignore[attr-defined]
    listening = feed._transactions.connection.raw.info.backend_pid
    await asyncio.to_thread(postgresql.ask, f"SELECT pg_terminate_backend({listening})")
    for number in range(20):
        await sender.send(channel, {"number": number})
        assert await layer.receive(channel) == {"number": number}
    now = await asyncio.to_thread(backends, postgresql)
    assert before - now == {listening}, "others were killed too"


async def test_a_server_that_takes_nothing_more_is_left(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a network that died: what is sent fits no buffer on the way."""
    monkeypatch.setattr(postgres, "_SILENCE_MS", 2000)
    layer = make_layer("postgresql", max_message_size=100_000_000)
    await layer.send("other", {})
    desk: Any = layer.store.shards["postgresql"]._desk  # type: ignore[attr-defined]
    frozen = desk._transactions.connection.raw.info.backend_pid
    os.kill(frozen, signal.SIGSTOP)
    try:
        with pytest.raises(OutcomeUnknown):
            await asyncio.wait_for(layer.send("work", {"body": b"x" * 30_000_000}), 20)
        while not await sent(layer, "work", {"n": 1}):
            pass
        assert await layer.receive("work") == {"n": 1}
    finally:
        os.kill(frozen, signal.SIGCONT)


async def test_the_server_killed_and_restarted(
    make_layer: MakeLayer, server: DatabaseServer, server_alias: str, dice: random.Random
) -> None:
    """On PostgreSQL the crash empties the tables, and memberships come back."""
    async with load(make_layer, dice, server_alias) as traffic:
        await asyncio.to_thread(server.kill)
        killed_at = len(traffic.ledger)
        await asyncio.sleep(0.3 * dice.random())
        await asyncio.to_thread(server.start)
        started_at = len(traffic.ledger)
        await flows_again(traffic)
        await groups_are_whole(traffic, started_at)
        whole_since = len(traffic.ledger)
    early = traffic.ledger.missing(before=killed_at)
    assert len(early) < 200, by_channel(early)
    await adds_up(traffic, make_layer(server_alias), since=whole_since)


async def test_a_server_that_turns_read_only_is_left(
    make_layer: MakeLayer, server: DatabaseServer
) -> None:
    """After a failover its name leads to another one, which only new connections reach."""
    know("app", {**server.settings, "USER": await asyncio.to_thread(make_account, server)})
    layer = make_layer("app")
    channel = await layer.new_channel()
    await layer.send(channel, {"n": 0})
    await layer.send("work", {"n": 1})
    before = await asyncio.to_thread(sessions, server)
    await asyncio.to_thread(turn_read_only, server, True)
    try:
        await until(lambda: not before & sessions(server), "connections are kept")
        with pytest.raises(StoreUnavailable):
            await layer.send("work", {"n": 2})
    finally:
        await asyncio.to_thread(turn_read_only, server, False)
    while not await sent(layer, "work", {"n": 3}):
        pass
    assert await layer.receive(channel) == {"n": 0}
    assert [(await layer.receive("work"))["n"] for _ in range(2)] == [1, 3]


def make_account(server: DatabaseServer) -> str:
    """An account that may write only as long as the server lets everybody."""
    if isinstance(server, PostgreSQLServer):
        return "postgres"
    server.ask("CREATE USER IF NOT EXISTS app")
    server.ask("GRANT ALL ON fairway.* TO app")
    return "app"


def sessions(server: DatabaseServer) -> set[tuple[int]]:
    if isinstance(server, PostgreSQLServer):
        return set(server.ask(BACKENDS))
    return set(server.ask("SELECT id FROM information_schema.processlist WHERE user = 'app'"))


def turn_read_only(server: DatabaseServer, on: bool) -> None:
    if isinstance(server, PostgreSQLServer):
        server.ask(f"ALTER SYSTEM SET default_transaction_read_only = {on}")
        server.ask("SELECT pg_reload_conf()")
    else:
        server.ask(f"SET GLOBAL read_only = {on}")


async def sent(layer: DatabaseChannelLayer, channel: str, message: dict[str, int]) -> bool:
    try:
        await layer.send(channel, message)
    except StoreUnavailable:
        return False
    return True


async def test_a_sqlite_file_locked_for_five_seconds(
    make_layer: MakeLayer, sqlite: Path, dice: random.Random
) -> None:
    async with load(make_layer, dice, "sqlite") as traffic:
        other = sqlite3.connect(file_beside(str(sqlite)), isolation_level=None, timeout=20)
        other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(5)
        other.execute("ROLLBACK")
        other.close()
        await flows_again(traffic)
    assert not traffic.ledger.missing()


async def test_the_applications_transaction_is_in_nobodys_way(
    make_layer: MakeLayer, sqlite: Path
) -> None:
    application = sqlite3.connect(sqlite, isolation_level=None)
    application.execute("CREATE TABLE IF NOT EXISTS things (n)")
    application.execute("BEGIN EXCLUSIVE")
    layer = make_layer("sqlite")
    channel = await layer.new_channel()
    await layer.send(channel, {"n": 1})
    assert await layer.receive(channel) == {"n": 1}
    application.execute("INSERT INTO things VALUES (1)")
    application.execute("COMMIT")
    application.close()


async def test_a_sqlite_file_deleted(
    make_layer: MakeLayer, sqlite: Path, dice: random.Random
) -> None:
    async with load(make_layer, dice, "sqlite") as traffic:
        for suffix in ("", "-wal", "-shm"):
            os.unlink(f"{file_beside(str(sqlite))}{suffix}")
        empty_since = len(traffic.ledger)
        await flows_again(traffic)
        await groups_are_whole(traffic, empty_since)
        whole_since = len(traffic.ledger)
    await adds_up(traffic, make_layer("sqlite"), since=whole_since)
