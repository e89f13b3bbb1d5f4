"""Long queues of normal channels, which several transactions deal."""

import asyncio

import pytest
from benchmarks.database_servers import PostgreSQLServer
from database_support import MakeLayer

from fairway.database import DatabaseChannelLayer
from fairway.database.statements import table_names

#: What befalls the second transaction.
BREAKS = "PERFORM pg_terminate_backend(pg_backend_pid())"
IS_REFUSED = "RAISE 'no'"


@pytest.mark.parametrize("fault", [BREAKS, IS_REFUSED])
async def test_what_was_carried_out_is_not_repeated_for_what_follows(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, fault: str
) -> None:
    """A reader comes to a queue that begins with expired messages, which go first."""
    layer, other = make_layer("postgresql", expiry=6), make_layer("postgresql", expiry=6)
    channel = await other.new_channel()
    await layer.new_channel()
    await queued(other, "work", postgresql)
    prevent_once(postgresql, layer, fault)
    received = asyncio.ensure_future(layer.receive("work"))
    await layer.send(channel, {"n": 1})
    assert await received == {"n": 0}
    await layer.send(channel, {"n": 2})
    assert [(await other.receive(channel))["n"] for _ in range(2)] == [1, 2]
    assert postgresql.ask(f"SELECT is_called FROM {layer.prefix}_once") == [(True,)]


async def test_a_reader_is_woken_for_what_a_later_transaction_deals(
    make_layer: MakeLayer, postgresql: PostgreSQLServer
) -> None:
    # With a heartbeat that does not come to help.
    layer, other = make_layer("postgresql", heartbeat=60, lease=200), make_layer("postgresql")
    await layer.new_channel()
    await queued(other, "work", postgresql)
    assert await asyncio.wait_for(layer.receive("work"), 20) == {"n": 0}


async def queued(layer: DatabaseChannelLayer, channel: str, server: PostgreSQLServer) -> None:
    """Queue messages: some that have expired, unnoticed yet, and one that has not."""
    for n in range(3):
        await layer.send(channel, {"n": -n})
    queue = table_names(layer.prefix)["queue"]
    await asyncio.to_thread(server.ask, f"UPDATE {queue} SET sent = sent - 100000")
    await layer.send(channel, {"n": 0})


def prevent_once(server: PostgreSQLServer, layer: DatabaseChannelLayer, fault: str) -> None:
    """Let the first transaction fail that puts something into a layer's inbox."""
    once, inbox = f"{layer.prefix}_once", table_names(layer.prefix)["inbox"]
    server.ask(f"CREATE SEQUENCE {once}")
    server.ask(f"""
        CREATE FUNCTION {once}() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('{once}') = 1 THEN {fault}; END IF; RETURN NEW; END $$
    """)
    server.ask(f"""
        CREATE TRIGGER {once} BEFORE INSERT ON {inbox} FOR EACH ROW
        WHEN (NEW.node = '{layer.node}') EXECUTE FUNCTION {once}()
    """)
