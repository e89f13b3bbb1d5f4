"""However many names are used, what is kept of them is bounded."""

import asyncio

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, eventually, until

from fairway.redis import RedisChannelLayer

LIMIT = 60
#: More than figures are kept of.
NAMES = 5000
KNOWN, STATS = "{asgi}:known", "{asgi}:stats"


async def send_to(layer: RedisChannelLayer, names: list[str]) -> None:
    for first in range(0, len(names), 500):
        await asyncio.gather(*[layer.send(name, {}) for name in names[first : first + 500]])


@pytest.mark.patience(120)
async def test_figures_of_normal_channels_are_bounded(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer, admin = make_layer(server, expiry=0.5), server.admin
    await layer.new_channel()
    await send_to(layer, [f"work-{n}" for n in range(NAMES)])
    await until(lambda: admin.zcard(KNOWN) <= 1000, "names are kept", LIMIT)
    await until(lambda: admin.hlen(STATS) <= 1020, "figures are kept", LIMIT)

    async def all_expired() -> bool:
        return (await layer.global_statistics())["drops"]["expired"] == NAMES

    await eventually(all_expired, "not all were counted", LIMIT)
    figures = await layer.global_statistics()
    assert figures["messages_count"] == NAMES
    assert figures["messages_pending"] == 0


async def test_figures_of_an_idle_channel_end_after_a_day(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer, admin = make_layer(server, expiry=0.5), server.admin
    await layer.send("work", {})
    assert await layer.receive("work") == {}
    in_a_day = (admin.time()[0] + 80_000) * 1000
    await until(lambda: (admin.zscore(KNOWN, "work") or 0) > in_a_day, "not looked at", LIMIT)
    assert (await layer.channel_statistics("work"))["messages_count"] == 1
    admin.zincrby(KNOWN, -86_400_000, "work")  # a day later
    await until(lambda: admin.zscore(KNOWN, "work") is None, "it is kept", LIMIT)
    assert not admin.hexists(STATS, "m:work")
    assert (await layer.global_statistics())["messages_count"] == 1


async def test_messages_of_a_channel_that_was_idle_are_counted_as_they_expire(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer, admin = make_layer(server, expiry=0.5), server.admin
    await layer.send("work", {})
    assert await layer.receive("work") == {}
    in_a_day = (admin.time()[0] + 80_000) * 1000
    await until(lambda: (admin.zscore(KNOWN, "work") or 0) > in_a_day, "not looked at", LIMIT)
    await layer.close()  # it would still take what comes
    other = make_layer(server, expiry=0.5)
    await other.new_channel()
    await other.send("work", {})

    async def counted() -> bool:
        return (await other.global_statistics())["drops"]["expired"] == 1

    await eventually(counted, "they vanished in silence", LIMIT)


async def test_figures_of_nodes_that_nobody_knows_are_not_kept(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer, admin = make_layer(server, expiry=1), server.admin
    await layer.new_channel()  # so that it lives, and buries others
    for n in range(100):
        await layer.send(f"specific.node-{n}!x", {})
        await layer.send(f"specific.node-{n}!x", {})
    assert (await layer.global_statistics())["messages_count"] == 200
    await until(lambda: admin.hlen(STATS) < 20, "figures are kept")
    assert (await layer.global_statistics())["messages_count"] == 200


async def test_groups_that_ended_are_forgotten(make_layer: MakeLayer, server: RedisServer) -> None:
    layer, admin = make_layer(server), server.admin
    await layer.group_add("ended", "work")
    admin.zadd("{asgi}:groups", {"ended": 1})
    await layer.group_add("begun", "work")
    assert admin.zrange("{asgi}:groups", 0, -1) == [b"begun"]


async def test_a_process_keeps_nothing_of_names_that_it_used(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    local = [await layer.new_channel() for _ in range(500)]
    groups, work = ([f"{kind}-{n}" for n in range(500)] for kind in ("group", "work"))
    await asyncio.gather(*map(layer.group_add, groups, local))
    await asyncio.gather(*[layer.group_send(name, {}) for name in groups])
    await send_to(layer, work)
    await asyncio.gather(*map(layer.receive, [*local, *work]))
    await asyncio.gather(*map(layer.group_discard, groups, local))
    engine = layer.store
    kept = engine.memberships.groups(), engine.memberships.unlisted, engine.mailbox.inbox.channels()
    assert not any(kept)
    await until(lambda: not engine.node.demand.channels(), "demands are kept", LIMIT)
    await until(lambda: not engine.mailbox.inbox._queues, "queues are kept", LIMIT)


@pytest.mark.parametrize("first", [".", "-", "_"])
async def test_names_may_begin_with_any_character_of_names(
    make_layer: MakeLayer, server: RedisServer, first: str
) -> None:
    layer, other = make_layer(server), make_layer(server)
    specific = await layer.new_channel(f"{first}x")
    for channel in (specific, f"{first}x"):
        await layer.group_add(f"{first}x", channel)
        await other.send(channel, {"n": 1})
        await other.group_send(f"{first}x", {"n": 2})
        await layer.group_discard(f"{first}x", channel)
        got = [(await asyncio.wait_for(layer.receive(channel), LIMIT))["n"] for _ in range(2)]
        assert sorted(got) == [1, 2]
    assert not any((await layer.global_statistics())["drops"].values())
