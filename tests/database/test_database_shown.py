"""A small message goes along with the notification of its reader; all others are fetched."""

import asyncio
import random
from base64 import b64encode

import pytest
from benchmarks.database_servers import PostgreSQLServer
from database_support import MakeLayer
from hypothesis import given
from hypothesis import strategies as st

from fairway.database import DatabaseChannelLayer
from fairway.database.feed import DatabaseFeed
from fairway.database.shown import Shown, parse_shown, shown
from fairway.database.statements import VERSION, table_names

LIMIT = 15


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**45), st.binary(min_size=1))
def test_what_is_told_is_what_is_heard(born: int, id: int, sent: int, body: bytes) -> None:
    payload = f"{born} {id} {sent} {shown([(0, body)])}".encode()
    assert parse_shown(payload) == Shown(born, id, sent, body)


def test_a_notification_is_never_too_long() -> None:
    """PostgreSQL refuses 8,000 bytes; what would be longer is not shown."""
    longest = max(len(shown([(0, bytes(size))])) for size in range(5_000, 6_500, 10))
    assert 7_000 < longest < 8_000 - len(f"{2**63} {2**63} {2**63} ")
    assert shown([(0, bytes(6_500))]) == ""
    assert shown([(1, b"a"), (0, b"b")]) == ""


@pytest.mark.parametrize(
    "payload",
    ["", " ", "1 2 3 ", "1 2 YQ==", "1 2 3 4 YQ==", "a 2 3 YQ==", "1 2 3 Y", "1 2 3 ü", "hello"],
)
def test_what_others_say_shows_nothing(payload: str) -> None:
    assert parse_shown(payload.encode()) is None


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Shown]:
    """Entries that were delivered without being fetched, or would be if they came next."""
    heard: list[Shown] = []
    hand_on = DatabaseFeed._hand_on

    def record(self: DatabaseFeed, shown: list[Shown]) -> None:
        heard.extend(shown)
        hand_on(self, shown)

    monkeypatch.setattr(DatabaseFeed, "_hand_on", record)
    return heard


async def receive(layer: DatabaseChannelLayer, channel: str) -> dict[str, object]:
    return await asyncio.wait_for(layer.receive(channel), LIMIT)


def notify(server: PostgreSQLServer, prefix: str, node: str, payload: str) -> None:
    name = f"fairway{VERSION}_{prefix}_{node}"
    server.ask(f"SELECT pg_notify('{name}', '{payload}')")


async def test_messages_of_all_sizes_come_once_and_in_order(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, heard: list[Shown], dice: random.Random
) -> None:
    """However close they follow one another, and whichever way each comes."""
    reader, writer = make_layer("postgresql"), make_layer("postgresql")
    channel = await reader.new_channel()
    for turn in range(150):
        burst = dice.choice([1, 1, 1, 2, 5])
        messages = [
            {"turn": turn, "n": n, "text": "x" * dice.choice([0, 100, 5_450, 5_600, 20_000])}
            for n in range(burst)
        ]
        for message in messages:
            await writer.send(channel, message)
            await asyncio.sleep(dice.choice([0, 0.0003, 0.002]))
        assert [await receive(reader, channel) for _ in messages] == messages
    assert await reader.receive_many([channel], timeout=0.1) == (None, None)
    assert 20 < len(heard) < 400, "all came the same way"


async def test_what_others_notify_is_not_taken_for_an_entry(
    make_layer: MakeLayer, postgresql: PostgreSQLServer, heard: list[Shown]
) -> None:
    """It wakes the reader, which then looks."""
    reader, writer = make_layer("postgresql"), make_layer("postgresql")
    channel = await reader.new_channel()
    while not heard:  # what comes before the reader listens is fetched
        await writer.send(channel, {"n": 0})
        assert await receive(reader, channel) == {"n": 0}
    last = heard[-1]
    body = b64encode(last.body).decode()
    nodes = table_names(reader.prefix)["nodes"]
    ((node,),) = postgresql.ask(f"SELECT id FROM {nodes} WHERE born = {last.born}")
    for born, id in ((last.born, last.id), (last.born, last.id + 2), (0, last.id + 1)):
        notify(postgresql, reader.prefix, node, f"{born} {id} 0 {body}")
    notify(postgresql, reader.prefix, node, "hello")
    await writer.send(channel, {"n": 1})
    assert await receive(reader, channel) == {"n": 1}
    assert await reader.receive_many([channel], timeout=0.1) == (None, None)
