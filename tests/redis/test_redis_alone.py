"""A message that goes alone takes a shorter way; nothing is changed in what becomes of it."""

import asyncio
import random
from typing import Any

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer

from fairway.errors import ChannelFull
from fairway.mailbox import Mailbox
from fairway.redis import RedisChannelLayer
from fairway.redis.batches import BatchWriter

LIMIT = 15
SETTLED = 1.3


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each message that might go alone did."""
    outcomes: list[bool] = []
    write_one = BatchWriter.write_one

    def noted(self: BatchWriter, message: object) -> bool:
        outcomes.append(write_one(self, message))  # type: ignore[arg-type]
        return outcomes[-1]

    monkeypatch.setattr(BatchWriter, "write_one", noted)
    return outcomes


async def settled(*layers: RedisChannelLayer) -> None:
    """Have this loop get connections of its own."""
    for layer in layers:
        await layer.group_send("nobody", {})
    await asyncio.sleep(SETTLED)
    for layer in layers:
        await layer.group_send("nobody", {})
        await layer.group_send("nobody", {})


@pytest.mark.parametrize("lost", [False, True])
async def test_each_arrives_with_and_without_the_scripts(
    make_layer: MakeLayer, server: RedisServer, alone: list[bool], lost: bool
) -> None:
    layer, other = make_layer(server), make_layer(server)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await settled(other)
    alone.clear()
    for n in range(5):
        for send, receive in (
            (other.send(channel, {"n": n}), channel),
            (other.group_send("chat", {"n": n}), channel),
            (other.send("work", {"n": n}), "work"),
        ):
            if lost:
                server.admin.script_flush()
            await send
            assert await asyncio.wait_for(layer.receive(receive), LIMIT) == {"n": n}
    assert alone.count(True) >= 10


async def test_its_sender_hears_of_a_full_channel(
    make_layer: MakeLayer, server: RedisServer, alone: list[bool]
) -> None:
    layer, other = make_layer(server, capacity=2), make_layer(server, capacity=2)
    channel = await layer.new_channel()
    await settled(other)
    alone.clear()
    for name in (channel, "work"):
        for _ in range(2):
            await other.send(name, {})
        with pytest.raises(ChannelFull, match=name):
            await other.send(name, {})
    assert all(alone)
    assert alone


async def test_group_members_that_it_did_not_name_get_it_too(
    make_layer: MakeLayer, server: RedisServer, alone: list[bool]
) -> None:
    layers, sender = [make_layer(server) for _ in range(4)], make_layer(server)
    await settled(sender)
    alone.clear()
    channels = []
    for n, layer in enumerate(layers):
        channels.append(await layer.new_channel())
        await layer.group_add("chat", channels[-1])
        await layer.group_add("chat", "work")
        await sender.group_send("chat", {"n": n})
        for member, channel in zip(layers, channels, strict=False):
            assert await asyncio.wait_for(member.receive(channel), LIMIT) == {"n": n}
        assert await asyncio.wait_for(layers[0].receive("work"), LIMIT) == {"n": n}
    assert any(alone)


async def test_messages_stay_in_order_whichever_way_each_goes(
    make_layer: MakeLayer, server: RedisServer, alone: list[bool], dice: random.Random
) -> None:
    layer, other = make_layer(server, capacity=2000), make_layer(server, capacity=2000)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await settled(other)
    alone.clear()
    sends = []
    for n in range(600):
        send = other.send if dice.random() < 0.5 else other.group_send
        name = channel if send == other.send else "chat"
        sends.append(asyncio.ensure_future(send(name, {"n": n, "to": name})))
        await asyncio.sleep(dice.choice([0, 0, 0, 0.001, 0.003]))
    await asyncio.gather(*sends)
    got = [await asyncio.wait_for(layer.receive(channel), LIMIT) for _ in range(600)]
    for name in (channel, "chat"):
        numbers = [message["n"] for message in got if message["to"] == name]
        assert numbers == sorted(numbers)
    assert True in alone


async def test_what_was_given_back_is_counted_still(
    make_layer: MakeLayer, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader is cancelled when it was woken, before it runs."""
    layer, other = make_layer(server, capacity=3), make_layer(server, capacity=3)
    await settled(layer, other)
    readings: list[asyncio.Future[object]] = []
    wake = Mailbox.wake

    def wake_and_cancel(self: Mailbox, *arguments: Any) -> None:
        wake(self, *arguments)
        if readings:
            readings.pop().cancel()

    monkeypatch.setattr(Mailbox, "wake", wake_and_cancel)
    for channel in [await layer.new_channel(), "work"] * 5:
        reading = asyncio.ensure_future(layer.receive_many([channel], timeout=LIMIT))
        await asyncio.sleep(0.01)
        readings.append(reading)
        await other.send(channel, {"n": 0})
        await asyncio.wait({reading})
        assert reading.cancelled()
        await asyncio.sleep(0.1)  # what was handed over would be said
        for n in (1, 2):
            await other.send(channel, {"n": n})
        with pytest.raises(ChannelFull):
            await other.send(channel, {})
        for n in range(3):
            assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": n}
        await asyncio.sleep(0.1)
