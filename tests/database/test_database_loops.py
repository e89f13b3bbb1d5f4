"""Event loops that pause, and others read on meanwhile; those that are slow."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from database_support import MakeLayer, wait_for

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.errors import ChannelFull


def test_a_loop_that_pauses_delivers_nothing_again(make_layer: MakeLayer, alias: str) -> None:
    """Its feed may have read messages that it could not deliver; the I/O thread does so."""
    receiver, sender = make_layer(alias), make_layer(alias)
    channel = receiver.blocking.new_channel()
    pump = receiver.store.node.pumps[alias]  # type: ignore[attr-defined]
    loop = asyncio.new_event_loop()
    loop.run_until_complete(read_here(receiver, channel, pump))
    sender.blocking.send(channel, {"number": 0})
    sender.blocking.send(channel, {"number": 1})
    last = last_entry(receiver)
    wait_for(lambda: pump.loop is not loop and pump.cursor[1] == last, "nobody else reads")
    wait_for(lambda: readers(receiver) == 1, "the feed of the loop still reads")

    async def receive() -> list[Any]:
        await sender.send(channel, {"number": 2})
        return [(await receiver.receive(channel))["number"] for _ in range(3)]

    assert loop.run_until_complete(receive()) == [0, 1, 2]
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def test_what_a_slow_loop_has_before_it_is_bounded(make_layer: MakeLayer, alias: str) -> None:
    """However often it gets to some of it; and all that was stored comes."""
    config = {"heartbeat": 60, "lease": 200, "capacity": 100_000, "inbox_capacity": 500}
    receiver, sender = make_layer(alias, **config), make_layer(alias, **config)
    channel = await receiver.new_channel()
    pump = receiver.store.node.pumps[alias]  # type: ignore[attr-defined]
    await read_here(receiver, channel, pump)
    number = 0
    for _ in range(5):
        with ThreadPoolExecutor(1) as other:  # and the loop waits for it
            number = other.submit(fill, sender, channel, number).result()
            last = other.submit(last_entry, receiver).result()
        # Besides what fills the inbox: two fetches that wait for the loop, and one for these.
        assert last - pump.cursor[1] <= 500 + 3 * 100
        await asyncio.sleep(0)
    received = [await asyncio.wait_for(receiver.receive(channel), 20) for _ in range(number)]
    assert [message["number"] for message in received] == list(range(number))


def fill(layer: DatabaseChannelLayer, channel: str, first: int) -> int:
    """Send numbered messages until no more fits, or very many did; the next number."""
    for number in range(first, first + 1000):
        try:
            layer.blocking.send(channel, {"number": number})
        except ChannelFull:
            return number
    return first + 1000


async def read_here(layer: DatabaseChannelLayer, channel: str, pump: Any) -> None:
    """Return once the inbox is read in this loop."""
    while pump.loop is not asyncio.get_running_loop():
        await layer.receive_many([channel], timeout=0.05)
    await layer.send(channel, {})
    assert await layer.receive(channel) == {}


def last_entry(layer: DatabaseChannelLayer) -> int:
    connection = Connection(layer.alias, layer.prefix)
    try:
        (((_, last, _),),) = connection.run(("reading", layer.node))
    finally:
        connection.close()
    return int(last)


def readers(layer: DatabaseChannelLayer) -> int:
    name = f"fairway-db-reader-{layer.node}"
    return sum(thread.name == name for thread in threading.enumerate())
