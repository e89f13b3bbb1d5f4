"""What PostgreSQL decides by itself, in one round trip, is as exact as what we decide."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from benchmarks.database_servers import PostgreSQLServer
from database_support import MakeLayer

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.errors import ChannelFull
from waiting import eventually

CAPACITY = 40


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of all statements that are carried out meanwhile."""
    names: list[str] = []
    run = Connection.run

    def record(self: Connection, *calls: tuple[object, ...]) -> list[object]:
        names.extend(str(call[0]) for call in calls)
        return run(self, *calls)

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "run", record)
        yield names


async def read_ahead(layer: DatabaseChannelLayer, writer: DatabaseChannelLayer) -> None:
    """Have a layer want more of the channel than it reads."""
    for _ in range(8):
        for _ in range(CAPACITY):
            await writer.send("work", {})
        for _ in range(CAPACITY):
            await layer.receive("work")


async def fill(writer: DatabaseChannelLayer) -> int:
    sent = 0
    while True:
        try:
            await writer.send("work", {})
        except ChannelFull:
            return sent
        sent += 1


async def test_messages_for_the_only_reader_take_one_round_trip(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = make_layer("postgresql"), make_layer("postgresql")
    await read_ahead(reader, writer)
    with statements(monkeypatch) as names:
        await asyncio.gather(*[writer.send("work", {"n": n}) for n in range(5)])
        assert [(await reader.receive("work"))["n"] for _ in range(5)] == list(range(5))
    assert "deal_directly" in names
    assert "put_inbox" not in names


async def test_writers_at_once_never_overfill_a_channel(
    make_layer: MakeLayer, postgresql: PostgreSQLServer
) -> None:
    """Neither with one reader, of which all is dealt directly, nor with two."""
    writers = [make_layer("postgresql", capacity=CAPACITY) for _ in range(5)]
    readers = [make_layer("postgresql", capacity=CAPACITY) for _ in range(2)]
    await read_ahead(readers[0], make_layer("postgresql", capacity=1000))
    for _ in range(6):
        sent = sum(await asyncio.gather(*map(fill, writers)))
        # An acknowledgement may have been on its way: until one more is refused.
        sent += await fill(writers[0])
        assert sent <= CAPACITY
        for _ in range(sent):
            await eventually(partial(receives, readers), "a message never came")


async def receives(readers: list[DatabaseChannelLayer]) -> bool:
    for reader in readers:
        if (await reader.receive_many(["work"], timeout=0))[0] is not None:
            return True
    return False
