"""Closing a layer: whatever is under way ends, and nothing begins anew behind its back."""

import asyncio
import threading

import pytest
from benchmarks.ports import free_port
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, until

from fairway.errors import LayerClosed, StoreUnavailable
from fairway.redis.hosts import named_dialers

LIMIT = 20


def our_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("fairway")]


async def test_closing_a_layer_whose_server_was_never_reached(make_layer: MakeLayer) -> None:
    layer = make_layer(("127.0.0.1", free_port()), patience=0.1)
    with pytest.raises(StoreUnavailable):
        await layer.send("work", {})
    await layer.close()
    await until(lambda: not our_threads(), "threads are left")


@pytest.mark.parametrize("attempt", range(10))
async def test_closing_under_calls_of_threads(
    make_layer: MakeLayer, server: RedisServer, attempt: int
) -> None:
    """Every thread ends: its call was carried out, or it hears that the layer was closed."""
    layer = make_layer(server, capacity=100_000)
    engine = layer.store
    outcomes: list[str] = []
    begun = threading.Barrier(9)

    def send() -> None:
        begun.wait()
        while layer.store is engine:
            try:
                engine.run(layer.send("work", {}))
            except (LayerClosed, StoreUnavailable):
                break
        outcomes.append("ended")

    threads = [threading.Thread(target=send, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(begun.wait)
    await asyncio.sleep(0.02)
    await layer.close()
    for thread in threads:
        await asyncio.to_thread(thread.join, LIMIT)
    assert len(outcomes) == 8


async def test_closing_while_the_server_is_away(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    told: list[str] = []
    layer = make_layer(own_server, patience=2, on_reconnect=told.append)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await asyncio.sleep(1.2)
    waiting = asyncio.ensure_future(layer.receive(channel))
    await layer.send("work", {})
    own_server.kill()
    await asyncio.wait_for(layer.close(), LIMIT)
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], LayerClosed)
    assert told == []


async def test_one_shard_that_is_away_keeps_no_goodbye_from_the_others(
    make_layer: MakeLayer, server: RedisServer, own_server: RedisServer
) -> None:
    names = [f"work-{n}" for n in range(20)]
    for order in ((own_server, server), (server, own_server)):
        layer = make_layer(
            *[{"address": host.url, "name": f"{n}"} for n, host in enumerate(order)],
            patience=2, lease=60,
        )  # fmt: skip
        await layer.new_channel()
        for name in names:
            await layer.send(name, {"n": 1})
        own_server.kill()
        await asyncio.wait_for(layer.close(), LIMIT)
        assert server.admin.zcard("{asgi}:nodes") == 0
        own_server.start()


async def test_a_connection_that_is_cancelled_in_the_instant_it_stands(
    server: RedisServer,
) -> None:
    """Whoever closes cancels it: going on would begin to read the inbox of a node that ended."""
    (dialer,) = named_dialers([server.url]).values()
    for turns in range(400):
        dialing = asyncio.ensure_future(dialer.dial())
        for _ in range(turns % 40):
            await asyncio.sleep(0)
        if dialing.cancel():
            with pytest.raises(asyncio.CancelledError):
                await dialing
        else:
            await (await dialing).disconnect()


async def test_leaving_a_group_of_a_layer_that_closes(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    for delay in range(12):
        layer = make_layer(server)
        channel = await layer.new_channel()
        await layer.group_add("chat", channel)
        closing = asyncio.ensure_future(layer.close())
        await asyncio.sleep(delay / 4000)
        leaving = asyncio.ensure_future(layer.group_discard("chat", channel))
        _, hang = await asyncio.wait({closing, leaving}, timeout=LIMIT)
        assert not hang
        if leaving.exception() is not None:
            assert isinstance(leaving.exception(), (LayerClosed, StoreUnavailable))
