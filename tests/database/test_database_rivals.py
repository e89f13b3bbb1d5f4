"""Others in the way of a transaction: nothing of it is lost, doubled, or told to callers."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from benchmarks.database_servers import DatabaseServer, PostgreSQLServer
from benchmarks.pgbouncer import PgBouncer
from database_support import MakeLayer, know, wait_for

from fairway.core.envelope import NORMAL
from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.database.options import LinkOptions
from fairway.database.state import Needs, State
from fairway.database.statements import table_names
from fairway.database.transaction import Transactions

#: Whether a server has somebody wait for a lock.
WAITING = {
    "PostgreSQL": "SELECT 1 FROM pg_locks WHERE NOT granted",
    "MariaDB": "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    "MySQL": "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


def node_of(channel: str) -> str:
    return channel.partition(".")[2].partition("!")[0]


# -- deadlocks and serialization failures ----------------------------------------------------


@pytest.fixture(params=["postgresql", "mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each database server in turn."""
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


@contextmanager
def rival(alias: str, prefix: str) -> Iterator[Connection]:
    """A connection within a transaction, of such weight that others are to give way."""
    other = Connection(alias, prefix)
    table = f"ballast_{prefix}"
    other.execute(f"CREATE TABLE {table} (n int)")
    other.execute("BEGIN")
    other.execute(f"INSERT INTO {table} VALUES {', '.join(['(1)'] * 500)}")
    try:
        yield other
    finally:
        other.execute("ROLLBACK")
        other.execute(f"DROP TABLE {table}")
        other.close()


async def test_deadlocks_are_not_surfaced(make_layer: MakeLayer, server: DatabaseServer) -> None:
    alias = server.title.lower()
    receiver, sender = make_layer(alias), make_layer(alias)
    node = node_of(await receiver.new_channel())
    await sender.send("work", {})
    assert await receiver.receive("work") == {}
    waiting = asyncio.ensure_future(receiver.receive("work"))  # so that it wants some
    tables = table_names(sender.prefix)
    in_order, against = (
        f"SELECT 1 FROM {tables['nodes']} WHERE id = '{node}' FOR UPDATE",
        f"SELECT 1 FROM {tables['channels']} WHERE name = 'work' FOR UPDATE",
    )
    waits = threading.Event()

    def be_in_the_way() -> bool:
        with rival(alias, sender.prefix) as other:
            if server.title == "PostgreSQL":  # ours looks for deadlocks first
                other.execute("SET LOCAL deadlock_timeout = '60s'")
            other.execute(in_order)
            waits.set()
            wait_for(lambda: server.ask(WAITING[server.title]), "nobody waits for a lock")
            other.execute(against)  # which raises Conflict, unless ours gives way
            return not sent.done()

    rivalry = asyncio.ensure_future(asyncio.to_thread(be_in_the_way))
    await asyncio.to_thread(waits.wait)
    sent = asyncio.ensure_future(sender.send("work", {"number": 1}))
    assert await rivalry, "it was not in the way"
    await sent
    assert await waiting == {"number": 1}


@pytest.fixture
def strict(postgresql: PostgreSQLServer) -> Iterator[str]:
    """An alias whose role has every transaction be serializable, unless it says otherwise."""
    postgresql.ask("CREATE ROLE strict LOGIN SUPERUSER")
    postgresql.ask("ALTER ROLE strict SET default_transaction_isolation = 'serializable'")
    know("strict", {**postgresql.settings, "USER": "strict"})
    yield "strict"
    postgresql.ask("DROP OWNED BY strict")
    postgresql.ask("DROP ROLE strict")


async def many_send_to_one(make: MakeLayer, aliases: list[str]) -> None:
    """Everybody writes to the same inbox at once, message by message."""
    receiver, *senders = [make(alias, capacity=1000) for alias in aliases]
    channel = await receiver.new_channel()

    async def send(layer: DatabaseChannelLayer, first: int) -> None:
        for number in range(first, first + 50):
            await layer.send(channel, {"number": number})

    sending = [send(layer, 50 * i) for i, layer in enumerate(senders)]
    await asyncio.gather(*sending)
    numbers = [(await receiver.receive(channel))["number"] for _ in range(50 * len(senders))]
    assert sorted(numbers) == list(range(50 * len(senders)))
    await asyncio.gather(receiver.close(), *[layer.close() for layer in senders])


def failures(server: PostgreSQLServer) -> int:
    return (server.folder / "log").read_text().count("could not serialize access")


async def test_a_role_that_is_serializable_is_no_hindrance(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, strict: str
) -> None:
    before = failures(postgresql)
    await many_send_to_one(make_layer, [strict] * 5)
    assert failures(postgresql) == before


async def test_serialization_failures_are_not_surfaced(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, strict: str
) -> None:
    """Behind a pooler, where sessions stay as they are."""
    before = failures(postgresql)
    with PgBouncer(postgresql.port, user=strict) as pooler:
        know("pooled-strict", {**postgresql.settings, "USER": strict, "PORT": pooler.port})
        await many_send_to_one(make_layer, ["postgresql", *["pooled-strict"] * 6])
    assert failures(postgresql) > before


# -- writers that commit out of order ----------------------------------------------------------


class HeldTransaction:
    """A transaction of another node's, which stops just before it commits."""

    def __init__(self, alias: str, prefix: str, needs: Needs, decide: Callable[[State], None]):
        self._place = alias, prefix
        self._needs = needs
        self._decide = decide
        self._go_on = threading.Event()
        self.held = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "HeldTransaction":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.commit()

    def commit(self) -> None:
        """Go on, and return when it is stored."""
        self._go_on.set()
        self._thread.join()

    def _run(self) -> None:
        options = LinkOptions("rival", 60, 10, 20, 2, 10_000)
        connection = Connection(*self._place)

        def decide(state: State) -> None:
            self._decide(state)
            self.held.set()
            self._go_on.wait(30)

        Transactions(connection, options, lambda node: f"wake_{node}").change(self._needs, decide)
        connection.close()


async def test_a_writer_that_commits_late_loses_nothing(make_layer: MakeLayer, alias: str) -> None:
    """It began first and ends last: its message is neither skipped by the reader, nor late."""
    receiver, sender = make_layer(alias), make_layer(alias)
    channel = await receiver.new_channel()
    await sender.send(channel, {"number": 0})
    assert await receiver.receive(channel) == {"number": 0}
    node = node_of(channel)
    body = receiver._codec.encode({"number": 1})

    def decide(state: State) -> None:
        state.entry(state.nodes[node], channel, body)
        state.add_count(channel, node, 1)

    with HeldTransaction(alias, receiver.prefix, Needs({node}, fields={channel}), decide) as early:
        await asyncio.to_thread(early.held.wait)
        late = asyncio.ensure_future(sender.send(channel, {"number": 2}))
        reading = asyncio.ensure_future(receiver.receive(channel))
        await asyncio.wait([late, reading], timeout=0.3)
        assert not late.done()
        assert not reading.done()
        await asyncio.to_thread(early.commit)
        assert await reading == {"number": 1}
        await late
    assert await receiver.receive(channel) == {"number": 2}


async def test_a_late_writer_to_a_normal_channel_loses_nothing(
    make_layer: MakeLayer, alias: str
) -> None:
    receiver, sender = make_layer(alias), make_layer(alias)
    await sender.send("work", {"number": 0})
    assert await receiver.receive("work") == {"number": 0}
    body = receiver._codec.encode({"number": 1})

    def decide(state: State) -> None:
        queue = state.queues["work"]
        queue.back.append((state.now, body))
        state.touch(queue.row)

    needs = Needs(channels={"work"}, fields={NORMAL + "work"})
    with HeldTransaction(alias, receiver.prefix, needs, decide) as early:
        await asyncio.to_thread(early.held.wait)
        late = asyncio.ensure_future(sender.send("work", {"number": 2}))
        await asyncio.wait([late], timeout=0.3)
        assert not late.done()
        await asyncio.to_thread(early.commit)
        await late
    assert await receiver.receive("work") == {"number": 1}
    assert await receiver.receive("work") == {"number": 2}


async def test_a_flush_leaves_nothing_of_a_channel_in_the_way_of_its_next_message(
    make_layer: MakeLayer, server: DatabaseServer
) -> None:
    """Its first message is stored after the flush looked which channels there are."""
    layer = make_layer(server.title.lower())
    await layer.send("known", {})
    place, body = (layer.alias, layer.prefix), layer._codec.encode({"number": 0})

    def decide(state: State) -> None:
        state.queues["fresh"].back.append((state.now, body))
        state.touch(state.queues["fresh"].row)

    with HeldTransaction(*place, Needs(channels={"known"}), lambda state: None) as known:
        await asyncio.to_thread(known.held.wait)
        flush = asyncio.ensure_future(layer.flush())
        await waits(server, flush)
        with HeldTransaction(*place, Needs(channels={"fresh"}), decide) as fresh:
            await asyncio.to_thread(fresh.held.wait)
            await asyncio.to_thread(known.commit)
            await waits(server, flush)
    await flush
    await layer.send("fresh", {"number": 1})
    assert [(await layer.receive("fresh"))["number"] for _ in range(2)] == [0, 1]


async def waits(server: DatabaseServer, call: asyncio.Future[None]) -> None:
    """Return when a call waits for a lock, or needs none."""
    while not call.done() and not await asyncio.to_thread(server.ask, WAITING[server.title]):
        pass
