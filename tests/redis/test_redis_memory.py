"""A server that is out of memory (maxmemory reached, noeviction)."""

import asyncio

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, members_are

from fairway.errors import ChannelFull, OutcomeUnknown, StoreUnavailable

LIMIT = 10


def fill(server: RedisServer) -> None:
    server.admin.config_set("maxmemory", 1)


def relieve(server: RedisServer) -> None:
    server.admin.config_set("maxmemory", 0)


async def test_senders_hear_why(make_layer: MakeLayer, own_server: RedisServer) -> None:
    layer = make_layer(own_server)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    fill(own_server)
    for call in (
        layer.send(channel, {}),
        layer.send("work", {}),
        layer.group_send("chat", {}),
        layer.group_add("other", channel),
    ):
        with pytest.raises(StoreUnavailable, match="maxmemory") as caught:
            await call
        assert not isinstance(caught.value, OutcomeUnknown)
    relieve(own_server)
    await layer.send("work", {"n": 1})
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 1}
    await layer.group_send("chat", {"n": 2})
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 2}


async def test_nodes_stay_alive(make_layer: MakeLayer, own_server: RedisServer) -> None:
    layer, other = make_layer(own_server), make_layer(own_server)
    channel = await layer.new_channel()
    await other.new_channel()
    await layer.group_add("chat", channel)
    fill(own_server)
    await asyncio.sleep(2.5)
    relieve(own_server)
    await members_are(other, "chat", [channel])
    await other.group_send("chat", {"n": 1})
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}
    assert (await other.global_statistics())["drops"]["reader_died"] == 0


async def test_a_channel_that_was_emptied_meanwhile_has_room(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    layer = make_layer(own_server, capacity=10)
    specific = await layer.new_channel()
    for channel in (specific, "work"):
        for n in range(10):
            await layer.send(channel, {"n": n})
    # One message of the normal channel, so that some of the others are dealt.
    assert await layer.receive("work") == {"n": 0}
    fill(own_server)
    for n in range(10):
        assert await asyncio.wait_for(layer.receive(specific), LIMIT) == {"n": n}
    for n in range(1, 10):
        receives = layer.receive("work")
        assert await asyncio.wait_for(receives, LIMIT) == {"n": n}
    relieve(own_server)
    for channel in (specific, "work"):
        for n in range(10):
            await layer.send(channel, {"n": n})
        with pytest.raises(ChannelFull):
            await layer.send(channel, {})


async def test_readers_that_asked_in_vain_are_served(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    layer, other = make_layer(own_server), make_layer(own_server)
    await layer.new_channel()
    fill(own_server)
    waiting = asyncio.ensure_future(layer.receive("work"))
    await asyncio.sleep(0.5)
    relieve(own_server)
    await other.send("work", {"n": 1})
    assert await asyncio.wait_for(waiting, LIMIT) == {"n": 1}


async def test_leaving_works(make_layer: MakeLayer, own_server: RedisServer) -> None:
    layer, other = make_layer(own_server), make_layer(own_server)
    await other.new_channel()
    channel, stays = await layer.new_channel(), await layer.new_channel()
    await layer.group_add("chat", channel)
    await layer.group_add("chat", stays)
    for n in range(30):
        await layer.send("work", {"n": n})
    for n in range(5):
        assert await layer.receive("work") == {"n": n}
    fill(own_server)
    await layer.group_discard("chat", channel)
    await layer.close()
    relieve(own_server)
    assert await other.group_channels("chat") == []
    got = [(await asyncio.wait_for(other.receive("work"), LIMIT))["n"] for _ in range(25)]
    assert got == list(range(5, 30))
