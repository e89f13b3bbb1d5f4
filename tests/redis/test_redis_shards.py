"""Several servers as one store."""

import asyncio
import random
from collections import Counter

import pytest
from benchmarks.ledger import Ledger
from benchmarks.redis_server import RedisServer
from benchmarks.traffic import Traffic
from redis_support import MakeLayer, eventually, until

from fairway.core.envelope import FLUSH
from fairway.errors import ChannelFull, StoreUnavailable

LIMIT = 15


@pytest.mark.parametrize("count", [1, 2, 3, 8])
async def test_nothing_is_lost(
    make_layer: MakeLayer, shared_servers: list[RedisServer], dice: random.Random, count: int
) -> None:
    used = shared_servers[:count]
    sender, *receivers = [make_layer(*used) for _ in range(3)]
    traffic = Traffic(Ledger(), sender, receivers, dice, channels=2, pause=0.001)
    await traffic.start()
    await until(lambda: traffic.ledger.arrivals() > 2000, "no traffic")
    await traffic.stop_sending()
    await traffic.settle()
    await traffic.stop()
    traffic.ledger.check()
    assert traffic.ledger.missing() == []
    assert set(traffic.ledger.fates()) == {"stored"}
    statistics = await sender.global_statistics()
    assert statistics["messages_pending"] == 0
    assert sum(statistics["drops"].values()) == 0


@pytest.mark.parametrize("count", [2, 3, 8])
async def test_normal_channels_spread_evenly_and_one_worker_empties_all(
    make_layer: MakeLayer, shared_servers: list[RedisServer], count: int
) -> None:
    used = shared_servers[:count]
    sender, worker = make_layer(*used, capacity=800), make_layer(*used, capacity=800)
    for n in range(800):
        await sender.send("work", {"n": n})
    lengths = [server.admin.llen("{asgi}:q:work") for server in used]
    assert max(lengths) - min(lengths) <= 1
    got = [(await asyncio.wait_for(worker.receive("work"), LIMIT))["n"] for _ in range(800)]
    assert sorted(got) == list(range(800))


async def test_capacity_is_exact_over_shards(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    used = shared_servers[:3]
    layer, other = make_layer(*used, capacity=10), make_layer(*used, capacity=10)
    for n in range(10):
        await (layer if n % 2 else other).send("work", {"n": n})
    with pytest.raises(ChannelFull):
        await layer.send("work", {})
    for _ in range(4):
        await asyncio.wait_for(other.receive("work"), LIMIT)

    async def acknowledged() -> bool:
        return (await layer.channel_statistics("work"))["messages_pending"] == 6

    await eventually(acknowledged, "acknowledgements are missing")
    for n in range(4):
        await layer.send("work", {"n": n})
    with pytest.raises(ChannelFull):
        await layer.send("work", {})


async def test_groups_and_process_specific_channels_have_one_shard_each(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    used = shared_servers[:3]
    layer = make_layer(*used)
    channel = await layer.new_channel()
    for n in range(60):
        await layer.group_add(f"group-{n}", channel)
    places = Counter(
        place for place, server in enumerate(used) for _ in server.admin.scan_iter("{asgi}:gn:*")
    )
    assert sum(places.values()) == 60
    assert min(places[place] for place in range(3)) > 5


async def test_statistics_are_those_of_all(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    used = shared_servers[:3]
    layer, other = make_layer(*used, capacity=9), make_layer(*used, capacity=9)
    channels = [await layer.new_channel() for _ in range(6)]
    for channel in channels:
        await other.send(channel, {})
    for n in range(9):
        await other.send("work", {"n": n})
    for n in range(5):
        await layer.group_add(f"group-{n}", channels[0])
    with pytest.raises(ChannelFull):
        await other.send("work", {})
    statistics = await other.global_statistics()
    assert statistics["messages_count"] == 15
    assert statistics["messages_pending"] == 15
    assert statistics["channels"] == 7
    assert statistics["groups"] == 5
    assert statistics["channel_full_count"] == 1
    of_work = await layer.channel_statistics("work")
    assert (of_work["messages_count"], of_work["messages_pending"]) == (9, 9)
    assert (await layer.channel_statistics(channels[2]))["messages_pending"] == 1


async def test_the_order_of_hosts_does_not_matter(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    used = shared_servers[:3]
    layer, other = make_layer(*used), make_layer(*reversed(used))
    channels = [await layer.new_channel() for _ in range(20)]
    for n, channel in enumerate(channels):
        await layer.group_add(f"group-{n}", channel)
        await other.group_send(f"group-{n}", {"n": n})
        await other.send(channel, {"n": -n})
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": n}
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": -n}


async def test_one_shard_away(
    make_layer: MakeLayer, server: RedisServer, own_server: RedisServer
) -> None:
    """Only what is stored there is concerned."""
    layer = make_layer(server, own_server, patience=2)
    other = make_layer(server, own_server, patience=2)
    channels = [await layer.new_channel() for _ in range(30)]
    await asyncio.sleep(0.3)
    own_server.kill()
    outcomes = await asyncio.gather(
        *[other.send(channel, {}) for channel in channels], return_exceptions=True
    )
    sent = [channel for channel, error in zip(channels, outcomes, strict=True) if error is None]
    assert 5 < len(sent) < 25
    for channel in sent:
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {}
    failed = [error for error in outcomes if error is not None]
    assert all(isinstance(error, StoreUnavailable) for error in failed)
    await asyncio.to_thread(own_server.start)
    for channel in channels:
        await other.send(channel, {"n": 2})
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 2}


async def test_who_polls_sees_what_any_shard_has(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    """A shard that was asked for one message, and gave it, is asked again."""
    layer = make_layer(*shared_servers[:3])
    for n in range(5):
        # Shards take turns: so it is always the same one.
        for channel in ("work", "other", "another"):
            await layer.send(channel, {"n": n})

        async def polled(n: int = n) -> bool:
            return await layer.receive_many(["work"], timeout=0) == ("work", {"n": n})

        await eventually(polled, f"message {n} is not seen")


async def test_a_flush_that_one_shard_tells_late_ends_nothing_of_the_others(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    early, late = shared_servers[:2]
    layer, other = make_layer(early, late), make_layer(early, late)
    inbox, shard_of = layer.store.mailbox.inbox, layer.store.ring.shard_of
    channels = [await layer.new_channel() for _ in range(30)]
    groups = {channel: f"group-{n}" for n, channel in enumerate(channels)}
    await layer.flush()
    for channel, group in groups.items():
        await layer.group_add(group, channel)
        await other.send(channel, {"by": shard_of(channel)})
        await other.group_send(group, {"by": shard_of(group)})
    await until(
        lambda: all(inbox.pending(channel) == 2 for channel in channels), "some are missing"
    )
    late.admin.xadd(f"{{asgi}}:i:{layer.node}", {FLUSH: ""})  # it comes only now
    kept = {c: (shard_of(c) == early.url) + (shard_of(g) == early.url) for c, g in groups.items()}
    await until(lambda: sum(map(inbox.pending, channels)) == sum(kept.values()), "others are gone")
    for channel, group in groups.items():
        for _ in range(kept[channel]):
            assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"by": early.url}
        if shard_of(group) == early.url:
            await other.group_send(group, {"n": 1})
            assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}


async def test_what_is_sent_while_a_flush_runs_is_not_counted_for_ever(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    used = shared_servers[:2]
    layer, other = make_layer(*used, capacity=300), make_layer(*used, capacity=300)
    channels = [await layer.new_channel() for _ in range(4)]
    for _ in range(20):
        sends = [other.send(channel, {}) for channel in [*channels, "work"] for _ in range(10)]
        await asyncio.gather(layer.flush(), *sends)

    async def drained() -> bool:
        while (await layer.receive_many([*channels, "work"], timeout=0.05))[0]:
            pass
        return (await other.global_statistics())["messages_pending"] == 0

    await eventually(drained, "something is counted that isn't there")
