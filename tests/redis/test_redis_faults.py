"""Every fault that a Redis server can do to a layer, done to it, with a ledger of all messages."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from benchmarks.ledger import Ledger, by_channel
from benchmarks.redis_server import RedisServer
from benchmarks.traffic import Traffic
from redis_support import BACK_WITHIN, SLACK, MakeLayer, eventually, garbling_line, until

from fairway.redis import RedisChannelLayer
from flowing import groups_are_whole


@asynccontextmanager
async def load(make: MakeLayer, dice: random.Random, *hosts: RedisServer) -> AsyncIterator[Traffic]:
    """Traffic from one layer to two others; afterwards, everything must add up."""
    sender, *receivers = [make(*hosts) for _ in range(3)]
    await asyncio.sleep(1.2)  # the loop has shown that it stays: it has its own connections
    traffic = Traffic(Ledger(), sender, receivers, dice)
    await traffic.start()
    await until(lambda: traffic.ledger.arrivals() > 100, "no traffic")
    try:
        yield traffic
    finally:
        await traffic.stop_sending()
    await traffic.settle()
    await traffic.stop()
    print(traffic.ledger.fates(), traffic.ledger.arrivals(), "arrivals")
    traffic.ledger.check()
    assert not traffic.ledger.unsettled()


async def drops(layer: RedisChannelLayer) -> int:
    return sum((await layer.global_statistics())["drops"].values())


async def flows_again(traffic: Traffic, since: float) -> None:
    """Every channel has received something that was sent after ``since``, in time."""
    first = len(traffic.ledger)
    wanted = {*traffic.specific, traffic.normal}

    def reached() -> bool:
        return wanted <= traffic.ledger.reached(first)

    await until(reached, f"not all of {wanted} are reached: {traffic.ledger.reached(first)}")
    took = time.monotonic() - since
    print(f"service was back after {took:.2f} s")
    assert took < BACK_WITHIN * SLACK


async def test_connections_cut_at_random_moments(
    make_layer: MakeLayer, own_server: RedisServer, dice: random.Random
) -> None:
    async with load(make_layer, dice, own_server) as traffic:
        for _ in range(25):
            await asyncio.sleep(0.15 * dice.random())
            own_server.cut_connections()
        await flows_again(traffic, time.monotonic())
    layer = make_layer(own_server)
    missing = traffic.ledger.missing()
    assert len(missing) <= await drops(layer), by_channel(missing)


async def test_server_killed_and_restarted_with_its_data(
    make_layer: MakeLayer, lasting_server: RedisServer, dice: random.Random
) -> None:
    async with load(make_layer, dice, lasting_server) as traffic:
        for _ in range(2):
            lasting_server.kill()
            await asyncio.sleep(dice.random())
            await flows_again(traffic, await asyncio.to_thread(lasting_server.start))
    missing = traffic.ledger.missing()
    assert len(missing) <= await drops(make_layer(lasting_server)), by_channel(missing)


async def test_server_away_for_longer_than_a_lease(
    make_layer: MakeLayer, lasting_server: RedisServer, dice: random.Random
) -> None:
    async with load(partial(make_layer, lease=2.0), dice, lasting_server) as traffic:
        lasting_server.kill()
        await asyncio.sleep(4.5)
        await flows_again(traffic, await asyncio.to_thread(lasting_server.start))
    missing = traffic.ledger.missing()
    assert len(missing) <= await drops(make_layer(lasting_server)), by_channel(missing)
    assert (await make_layer(lasting_server).global_statistics())["drops"]["reader_died"] == 0


async def test_server_killed_and_restarted_empty(
    make_layer: MakeLayer, own_server: RedisServer, dice: random.Random
) -> None:
    async with load(make_layer, dice, own_server) as traffic:
        own_server.kill()
        killed_at = len(traffic.ledger)
        await asyncio.sleep(dice.random())
        started_at = await asyncio.to_thread(own_server.start)
        empty_since = len(traffic.ledger)
        await flows_again(traffic, started_at)
        await groups_are_whole(traffic, empty_since)
        whole_since = len(traffic.ledger)
    # What the server held is lost with it; and group messages until all owners are back.
    early = traffic.ledger.missing(before=killed_at)
    assert len(early) < 200, by_channel(early)
    late = traffic.ledger.missing(since=whole_since)
    assert len(late) <= await drops(make_layer(own_server)), by_channel(late)


async def test_server_frozen_for_three_seconds(
    make_layer: MakeLayer, own_server: RedisServer, dice: random.Random
) -> None:
    async with load(make_layer, dice, own_server) as traffic:
        own_server.pause()
        await asyncio.sleep(3)
        own_server.resume()
        await flows_again(traffic, time.monotonic())
    missing = traffic.ledger.missing()
    assert len(missing) <= await drops(make_layer(own_server)), by_channel(missing)
    assert (await make_layer(own_server).global_statistics())["drops"]["reader_died"] == 0


async def test_flushall(
    make_layer: MakeLayer, own_server: RedisServer, dice: random.Random
) -> None:
    async with load(make_layer, dice, own_server) as traffic:
        own_server.admin.flushall()
        empty_since = len(traffic.ledger)
        await flows_again(traffic, time.monotonic())
        await groups_are_whole(traffic, empty_since)
        whole_since = len(traffic.ledger)
    late = traffic.ledger.missing(since=whole_since)
    assert len(late) <= await drops(make_layer(own_server)), by_channel(late)


async def test_script_flush(
    make_layer: MakeLayer, own_server: RedisServer, dice: random.Random
) -> None:
    async with load(make_layer, dice, own_server) as traffic:
        for _ in range(10):
            own_server.admin.script_flush()
            await asyncio.sleep(0.05 * dice.random())
        await flows_again(traffic, time.monotonic())
    missing = traffic.ledger.missing()
    assert len(missing) <= await drops(make_layer(own_server)), by_channel(missing)
    fates = traffic.ledger.fates()
    assert set(fates) <= {"stored", "channel full"}


def reads(server: RedisServer) -> bool:
    return any(client["cmd"] == "xreadgroup" for client in server.connections())


async def test_an_inbox_that_went_back_in_time(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    """A replica that lacks the last entries took over, and its clock is an hour behind."""
    layer, other = make_layer(own_server), make_layer(own_server)
    channel = await layer.new_channel()
    await other.send(channel, {"n": 1})
    assert await layer.receive(channel) == {"n": 1}
    inbox, admin = f"{{asgi}}:i:{layer.node}", own_server.admin
    in_an_hour = (admin.time()[0] + 3600) * 1000
    body = layer._codec.encode({"n": 2})
    admin.execute_command("XADD", inbox, in_an_hour, channel, body)
    assert await layer.receive(channel) == {"n": 2}
    await until(lambda: admin.xlen(inbox) == 0, "not trimmed")
    admin.execute_command("XSETID", inbox, in_an_hour - 3_600_000)
    own_server.cut_connections()
    await until(lambda: reads(own_server), "the inbox is not read again")
    await make_layer(own_server).send(channel, {"n": 3})
    assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": 3}


async def test_what_came_before_the_inbox_is_read_again_where_time_went_back(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    """As above, and others wrote there before we came: with ids that we have read elsewhere."""
    layer = make_layer(own_server)
    channel = await layer.new_channel()
    inbox, admin = f"{{asgi}}:i:{layer.node}", own_server.admin
    now = admin.time()[0] * 1000

    def entry(at: int, n: int) -> tuple[str, str, int, str, bytes]:
        return "XADD", inbox, at, channel, layer._codec.encode({"n": n})

    read = range(3)
    for n in read:
        admin.execute_command(*entry(now + 3_600_000 + n, n))
        assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": n}
    await until(lambda: admin.xlen(inbox) == 0, "not trimmed")
    took_over = admin.pipeline()
    took_over.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    took_over.execute_command("XSETID", inbox, now)
    # What it has of what we read, at the same place; then what is new to us, at ids before and
    # among those we have read, and at one of them.
    took_over.execute_command(*entry(now + 3_600_000, 0))
    for at, n in ((now + 3_600_000 + 1, 11), (now + 3_600_000 + 2, 12)):
        took_over.execute_command(*entry(at, n))
    took_over.execute()
    await make_layer(own_server).send(channel, {"n": 13})
    for n in (11, 12, 13):
        assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": n}
    assert await layer.receive_many([channel], timeout=0.3) == (None, None)


async def test_what_was_read_comes_back_after_a_crash(
    make_layer: MakeLayer, own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that lost its last second has what was read in it: more than we remember."""
    monkeypatch.setattr("fairway.redis.delivered._REMEMBERED", 3)
    layer, other = make_layer(own_server), make_layer(own_server)
    channel = await layer.new_channel()
    inbox, admin = f"{{asgi}}:i:{layer.node}", own_server.admin
    now = admin.time()[0] * 1000
    entries = [
        ("XADD", inbox, now + 3_600_000 + n, channel, layer._codec.encode({"n": n}))
        for n in range(20)
    ]
    for n, entry in enumerate(entries):
        admin.execute_command(*entry)
        assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": n}
    await until(lambda: admin.xlen(inbox) == 0, "not trimmed")
    crashed = admin.pipeline()
    crashed.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    crashed.execute_command("XSETID", inbox, now)
    for entry in entries:
        crashed.execute_command(*entry)
    crashed.execute()
    await other.send(channel, {"n": 20})
    assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": 20}


async def test_a_read_that_the_server_does_not_know_to_be_dead(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    """A line died without a word: what waits at the server for its old reader takes nothing."""
    layer = make_layer(own_server)
    channel = await layer.new_channel()
    inbox, admin = f"{{asgi}}:i:{layer.node}", own_server.admin
    await until(lambda: reads(own_server), "the inbox is not read")
    (group,) = admin.xinfo_groups(inbox)
    own_server.cut_connections()
    with own_server.connect() as ghost:
        read = f"XREADGROUP GROUP {group['name'].decode()} n NOACK BLOCK 0 STREAMS {inbox} >"
        haunting = asyncio.ensure_future(asyncio.to_thread(ghost.execute_command, *read.split()))
        await until(lambda: reads(own_server), "the inbox is not read")
        for n in range(3):
            await make_layer(own_server).send(channel, {"n": n})
        for n in range(3):
            assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": n}
        if not haunting.done():
            own_server.cut_connections()
            admin.client_kill_filter(_type="normal", skipme=True)
        await asyncio.gather(haunting, return_exceptions=True)


async def test_what_is_taken_while_a_shard_is_told_afresh_is_not_counted_off_twice(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    """The count that a shard is told after a break is of what lies here at that moment."""
    layer = make_layer(server, heartbeat=60, lease=200)
    channel = await layer.new_channel()
    await layer.send("elsewhere", {})
    await asyncio.sleep(1.1)  # from now on this loop reads what comes
    for n in range(11):
        await layer.send(channel, {"n": n})
    assert await layer.receive(channel) == {"n": 0}
    engine = layer.store
    await until(lambda: engine.mailbox.inbox.pending(channel) == 10, "not all came")
    (shard,) = engine.shards
    engine.home_soon(engine.node.returned, shard)
    holds = threading.Event()
    engine.home_soon(holds.set)
    assert holds.wait(10)  # the I/O thread goes on; this loop, which is to count, does not
    for _ in range(3):
        with pytest.raises(StopIteration):
            layer.receive(channel).send(None)
    await asyncio.sleep(0.5)
    assert (await layer.channel_statistics(channel))["messages_pending"] == 7


async def test_bytes_that_are_no_reply_break_the_connection(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    """What asked hears of it, the connection is made anew, and nothing is lost."""
    with garbling_line(server) as line:
        layer, other = make_layer(("127.0.0.1", line.port)), make_layer(server)
        channel = await layer.new_channel()
        await layer.send("elsewhere", {})
        await asyncio.sleep(1.1)  # from now on this loop has connections of its own
        for n in range(3):
            line.garble()
            await other.send(channel, {"n": n})
            assert await asyncio.wait_for(layer.receive(channel), 10) == {"n": n}
        await layer.close()


@pytest.mark.parametrize("channels", [1, 2])
async def test_messages_to_a_node_that_never_was_expire_and_are_counted(
    make_layer: MakeLayer, server: RedisServer, channels: int
) -> None:
    layer = make_layer(server, expiry=1)
    await layer.new_channel()  # so that it lives, and sees to others' inboxes
    sends = [layer.send(f"specific.deadbeef!{n % channels}", {"n": n}) for n in range(5)]
    await asyncio.gather(*sends)

    async def counted() -> bool:
        drops = (await layer.global_statistics())["drops"]
        return drops["expired"] == 5 and not drops["reader_died"]

    await eventually(counted, "not counted")
    assert not server.admin.exists("{asgi}:i:deadbeef")
