"""Groups: what must not be lost by the order in which things happen."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, members_are, until

LIMIT = 10


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own, which outlives the layers' calls."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_what_was_sent_before_a_channel_left_or_a_flush_ended_is_not_mixed_up(
    make_layer: MakeLayer, server: RedisServer, other_loop: asyncio.AbstractEventLoop
) -> None:
    """One thread calls, and another reads the inbox, so that either may come first."""
    layer, other = make_layer(server), make_layer(server)

    async def read_here() -> None:
        for _ in range(3):  # by the second this loop has shown that it stays
            await layer.receive_many([f"quiet.{layer.node}!1"], timeout=0.7)

    asyncio.run_coroutine_threadsafe(read_here(), other_loop).result()
    channel = layer.blocking.new_channel()
    for n in range(150):
        layer.blocking.group_add("chat", channel)
        other.blocking.group_send("chat", {"n": n})
        layer.blocking.group_discard("chat", channel)
        assert layer.blocking.receive(channel, timeout=LIMIT) == {"n": n}
    for n in range(150):
        layer.blocking.flush()
        layer.blocking.group_add("chat", channel)
        other.blocking.group_send("chat", {"n": n})
        assert layer.blocking.receive(channel, timeout=LIMIT) == {"n": n}


async def test_the_last_leaves_while_the_next_joins(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    for n in range(20):
        old, new = await layer.new_channel(), await layer.new_channel()
        await layer.group_add("chat", old)
        await asyncio.gather(layer.group_discard("chat", old), layer.group_add("chat", new))
        await layer.group_send("chat", {"n": n})
        assert await asyncio.wait_for(layer.receive(new), LIMIT) == {"n": n}
        await layer.group_discard("chat", new)


async def test_leaving_and_joining_in_one_breath(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    channel = await layer.new_channel()
    for n in range(20):
        await asyncio.gather(
            layer.group_add("chat", channel),
            layer.group_discard("chat", channel),
            layer.group_add("chat", channel),
        )
        await layer.group_send("chat", {"n": n})
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": n}
        await layer.group_discard("chat", channel)


async def test_the_last_leaves_in_another_loop_while_the_next_joins(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    await layer.new_channel()
    await asyncio.sleep(1.2)  # this loop has its own connections, threads use others
    for n in range(50):
        old, new = await layer.new_channel(), await layer.new_channel()
        await layer.group_add("chat", old)
        leaves = asyncio.to_thread(layer.blocking.group_discard, "chat", old)
        await asyncio.gather(leaves, layer.group_add("chat", new))
        await layer.group_send("chat", {"n": n})
        assert await asyncio.wait_for(layer.receive(new), LIMIT) == {"n": n}
        await layer.group_discard("chat", new)


async def test_another_process_adds_while_the_owner_leaves(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    owner, other = make_layer(server), make_layer(server)
    for n in range(50):
        old, new = await owner.new_channel(), await owner.new_channel()
        await owner.group_add("chat", old)
        await asyncio.gather(owner.group_discard("chat", old), other.group_add("chat", new))
        await other.group_send("chat", {"n": n})
        assert await asyncio.wait_for(owner.receive(new), LIMIT) == {"n": n}
        await other.group_discard("chat", new)


async def test_a_membership_refused_is_made_good_where_it_stands_here(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    """Two channels join a group while the server is away: who heard no error is a member."""
    layer = make_layer(own_server, patience=0.3, lease=60)
    first, second = await layer.new_channel(), await layer.new_channel()
    own_server.kill()
    adding = [layer.group_add("chat", first), layer.group_add("chat", second)]
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    await asyncio.to_thread(own_server.start)
    members = [
        channel
        for channel, outcome in zip([first, second], outcomes, strict=True)
        if outcome is None
    ]
    other = make_layer(own_server)
    for channel in members:
        received = asyncio.ensure_future(layer.receive(channel))
        while not received.done():
            await other.group_send("chat", {"n": 1})
            await asyncio.wait([received], timeout=0.1)
    listed: list[str] = []

    async def all_listed() -> bool:
        listed[:] = await other.group_channels("chat")
        return set(members) <= set(listed)

    deadline = asyncio.get_running_loop().time() + LIMIT
    while not await all_listed():
        assert asyncio.get_running_loop().time() < deadline, (members, listed)
        await asyncio.sleep(0.05)


async def test_other_nodes_hear_of_a_group_that_shrinks(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layers = [make_layer(server) for _ in range(4)]
    channels = [await layer.new_channel() for layer in layers]
    for layer, channel in zip(layers, channels, strict=True):
        await layer.group_add("chat", channel)
    await layers[0].group_send("chat", {"n": 1})
    await layers[3].close()
    await members_are(layers[0], "chat", channels[:3])
    for layer, channel in zip(layers[:3], channels[:3], strict=True):
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}


async def test_memberships_are_put_back_whatever_comes_first(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    """The store lost its data, and hears of a node first by what it wants."""
    layer, other = make_layer(server, heartbeat=1.0, lease=3.0), make_layer(server)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await until(lambda: server.admin.exists("{asgi}:gn:chat"), "no group")
    server.admin.flushall()
    await layer.receive_many(["work"], timeout=0.01)
    await layer.group_add("other", channel)
    received = asyncio.ensure_future(layer.receive(channel))
    deadline = asyncio.get_running_loop().time() + LIMIT
    while not received.done():
        assert asyncio.get_running_loop().time() < deadline
        await other.group_send("chat", {"n": 1})
        await asyncio.wait([received], timeout=0.1)


async def test_a_member_beside_the_first_is_one_once_it_is_told(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    """Two channels join at once: nobody is told so before the server knows of their node."""
    layer, other = make_layer(own_server), make_layer(own_server)
    first, second = await layer.new_channel(), await layer.new_channel()
    await other.new_channel()
    own_server.pause()
    adding = [asyncio.ensure_future(layer.group_add("chat", name)) for name in (first, second)]
    told, _ = await asyncio.wait(adding, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
    own_server.resume()
    assert not told
    await adding[1]
    await other.group_send("chat", {"n": 1})
    for channel in (first, second):
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}
    await adding[0]


async def test_drops_of_a_process_that_only_sends_are_counted_for_all(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    sender, other = make_layer(server, capacity=1), make_layer(server, capacity=1)
    await sender.group_add("chat", "work")
    for n in range(3):
        await sender.group_send("chat", {"n": n})
    end = asyncio.get_running_loop().time() + LIMIT
    while (await other.global_statistics())["drops"]["over_capacity"] != 2:
        assert asyncio.get_running_loop().time() < end, "drops were not counted"


async def test_who_needs_a_group_for_longest_has_it_kept(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    long, short = make_layer(server, group_expiry=30 * 86400), make_layer(server)
    for layer in (long, short):
        await layer.group_add("chat", await layer.new_channel())
    for key in ("{asgi}:g:chat", "{asgi}:gn:chat", "{asgi}:groups"):
        assert server.admin.ttl(key) > 29 * 86400
    endless = make_layer(server, group_expiry=None)
    await endless.group_add("news", "work")
    assert server.admin.ttl("{asgi}:gc:news") > 29 * 86400


async def test_what_killed_processes_left_in_a_group_is_forgotten(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    # So long that it is not buried on a busy machine.
    layer, names = make_layer(server, lease=30), "{asgi}:g:chat"
    await layer.group_add("chat", await layer.new_channel())
    server.admin.zadd(names, {f"specific.0123456789abcd!{n}": "inf" for n in range(9700)})
    mine = [await layer.new_channel() for _ in range(600)]
    for channel in mine:
        await layer.group_add("chat", channel)
    await until(lambda: server.admin.zcard(names) == 601, "it is kept")
    assert set(mine) < set(await layer.group_channels("chat"))
