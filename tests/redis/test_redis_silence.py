"""Servers that are there and say nothing."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, eventually

from fairway.errors import StoreUnavailable

LIMIT = 20


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port whose queue of connections is full: the next ones are not even refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_no_call_waits_longer_than_patience_for_a_connection(
    make_layer: MakeLayer, black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.redis.dialing.PATIENCE", 600.0)
    host = {"host": "127.0.0.1", "port": black_hole, "socket_connect_timeout": 600}
    layer = make_layer(host, patience=0.2)
    for _ in range(2):  # while the same attempt hangs
        with pytest.raises(StoreUnavailable, match=r"no connection within 0\.2 s"):
            await asyncio.wait_for(layer.send("work", {}), LIMIT)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(asyncio.to_thread(layer.blocking.group_send, "chat", {}), LIMIT)
    await asyncio.sleep(1.2)  # the loop has connections of its own now
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(layer.send("work", {}), LIMIT)
    await asyncio.wait_for(layer.close(), LIMIT)


async def test_a_server_that_takes_connections_and_says_nothing(
    make_layer: MakeLayer, own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.redis.dialing.PATIENCE", 600.0)
    monkeypatch.setattr("fairway.redis.connection.SILENCE", 600.0)
    layer = make_layer(own_server, patience=0.2)
    own_server.pause()
    with pytest.raises(StoreUnavailable, match=r"no connection within 0\.2 s"):
        await asyncio.wait_for(layer.send("work", {"n": 1}), LIMIT)
    own_server.resume()

    async def sent() -> bool:
        with contextlib.suppress(StoreUnavailable):
            await layer.send("work", {"n": 2})
            return True
        return False

    await eventually(sent, "it is not reached again")
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 2}


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

    async def sent() -> bool:
        with contextlib.suppress(StoreUnavailable):
            await layer.send(channel, {"n": 2})
            return True
        return False

    await eventually(sent, "it does not come back")
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
