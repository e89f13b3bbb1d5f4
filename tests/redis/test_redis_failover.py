"""Sentinels name another server, and the former one goes on as if nothing had been."""

import asyncio
import random
import time
from collections.abc import Iterator

import pytest
from benchmarks.ledger import Ledger
from benchmarks.redis_sentinel import Watched, watched
from benchmarks.redis_server import RedisServer
from benchmarks.traffic import Traffic
from redis_support import BACK_WITHIN, SLACK, MakeLayer, until

from fairway.errors import StoreUnavailable


@pytest.fixture
def sentinels() -> Iterator[Watched]:
    with watched() as started:
        yield started


def used(server: RedisServer) -> list[str]:
    """What others did last on their connections, of those that are no sentinels or replicas."""
    last = (client["cmd"] for client in server.connections())
    return [cmd for cmd in last if cmd in ("xreadgroup", "evalsha", "script|load")]


@pytest.mark.patience(120)
async def test_a_master_that_lives_is_left_at_once(
    sentinels: Watched, make_layer: MakeLayer, dice: random.Random
) -> None:
    layer, other = make_layer(sentinels.host), make_layer(sentinels.host)
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    await asyncio.sleep(1.3)  # now this loop has connections of its own
    reading = {name: asyncio.ensure_future(layer.receive(name)) for name in (channel, "work")}
    await until(lambda: used(sentinels.master), "nobody is there")
    former, since = await asyncio.to_thread(sentinels.hand_over)
    await until(lambda: not used(former), "somebody is left there")
    left_after = time.monotonic() - since
    assert former.admin.info("replication")["role"] == "master"
    while not all(task.done() for task in reading.values()):
        for send in (other.group_send("room", {"n": 1}), other.send("work", {"n": 1})):
            try:
                await send
            except StoreUnavailable as error:
                print(error)
        await asyncio.sleep(0.05)
    took = time.monotonic() - since
    print(f"left after {left_after:.2f} s, service was back after {took:.2f} s")
    assert took < BACK_WITHIN * SLACK


@pytest.mark.patience(120)
async def test_traffic_over_a_handover(
    sentinels: Watched, make_layer: MakeLayer, dice: random.Random
) -> None:
    """What was sent before, or goes to process-specific channels, comes once and in order."""
    sender, *receivers = [make_layer(sentinels.host) for _ in range(3)]
    await sender.new_channel()
    await asyncio.sleep(1.3)
    traffic = Traffic(Ledger(), sender, receivers, dice)
    await traffic.start()
    await until(lambda: traffic.ledger.arrivals() > 100, "no traffic")
    former, _ = await asyncio.to_thread(sentinels.hand_over)
    # What goes to the former master until all have left it is lost, and not for long.
    await until(lambda: sentinels.agree() and not used(former), "somebody is left there")
    since = len(traffic.ledger)
    await until(
        lambda: {*traffic.specific, traffic.normal} <= traffic.ledger.reached(since),
        "not all are reached",
    )
    await traffic.stop_sending()
    await traffic.settle()
    await traffic.stop()
    print(traffic.ledger.fates(), len(traffic.ledger.missing()), "missing", traffic.ledger.faults)
    assert not [fault for fault in traffic.ledger.faults if traffic.normal not in fault]
    assert not traffic.ledger.missing(since=since)
