"""Servers that are there and say nothing."""

import asyncio
import time

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer

from fairway.errors import StoreUnavailable

LIMIT = 20


async def test_a_frozen_server_is_noticed(
    make_layer: MakeLayer, own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.redis.connection.SILENCE", 1.0)
    monkeypatch.setattr("fairway.redis.dialing.PATIENCE", 1.0)
    layer, late = make_layer(own_server, patience=0.5), make_layer(own_server, patience=0.5)
    channel = await layer.new_channel()
    own_server.pause()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(layer.send(channel, {"n": 1}), LIMIT)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(late.send(channel, {"n": 1}), LIMIT)
    own_server.resume()
    await asyncio.sleep(0.5)
    await layer.send(channel, {"n": 2})
    numbers = []
    while 2 not in numbers:
        numbers.append((await asyncio.wait_for(layer.receive(channel), LIMIT))["n"])


@pytest.mark.patience(120)
async def test_an_idle_layer_after_twenty_seconds(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    told: list[str] = []
    layer = make_layer(own_server, on_disconnect=told.append)
    other = make_layer(own_server, on_disconnect=told.append)
    channel = await layer.new_channel()
    waiting = [asyncio.ensure_future(layer.receive(name)) for name in (channel, "work")]
    await asyncio.sleep(20)
    assert not any(task.done() for task in waiting)
    for name in (channel, "work"):
        await other.send(name, {"to": name})
    sent_at = time.monotonic()
    got = await asyncio.wait_for(asyncio.gather(*waiting), LIMIT)
    print(f"received after {time.monotonic() - sent_at:.3f} s")
    assert got == [{"to": channel}, {"to": "work"}]
    assert told == []
