"""Threads, event loops that come and go, forks: connections are few, and nothing is left behind."""

import asyncio
import contextlib
import gc
import logging
import random
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvloop
from asgiref.sync import async_to_sync
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, until, wait_for

from fairway.engine.connector import Connector
from fairway.redis import RedisChannelLayer
from fairway.redis.hosts import named_dialers

LIMIT = 15


def connections(*servers: RedisServer) -> list[int]:
    return [len(server.connections()) for server in servers]


def test_a_thousand_calls_from_threads(
    make_layer: MakeLayer, shared_servers: list[RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    """At most two connections per server: one that writes, one that reads."""
    caplog.set_level(logging.WARNING)
    used = shared_servers[:2]
    layer = make_layer(*used, capacity=2000)
    channel = async_to_sync(layer.new_channel)()
    async_to_sync(layer.group_add)("chat", channel)
    most = [0, 0]
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(async_to_sync(layer.group_send), "chat", {"n": n}) for n in range(1000)
        ]
        while not all(call.done() for call in calls):
            most = [max(pair) for pair in zip(most, connections(*used), strict=True)]
        for call in calls:
            call.result()
    assert max(most) <= 2
    numbers = set()
    for _ in range(1000):
        message = layer.blocking.receive(channel, timeout=LIMIT)
        assert message is not None
        numbers.add(message["n"])
    assert numbers == set(range(1000))
    assert caplog.records == []


def test_loops_that_come_and_go(make_layer: MakeLayer, server: RedisServer) -> None:
    layer = make_layer(server)
    channel = layer.blocking.new_channel()

    async def round_trip(n: int) -> None:
        await layer.send(channel, {"n": n})
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": n}
        await layer.send("work", {"n": n})
        assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": n}

    for n in range(100):
        asyncio.run(round_trip(n))
    assert connections(server) == [2]
    for n in range(10):
        uvloop.run(round_trip(n))
    assert connections(server) == [2]


def closes_like_asyncio_run(main: Coroutine[Any, Any, Any]) -> None:
    asyncio.run(main)


def closes_without_a_word(main: Coroutine[Any, Any, Any]) -> None:
    """As a loop ends whose owner does not know better."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run", [closes_like_asyncio_run, closes_without_a_word, uvloop.run])
def test_a_loop_that_stays_and_ends(
    make_layer: MakeLayer, server: RedisServer, run: Any, complaints: list[str]
) -> None:
    """It gets connections of its own; its end moves reading back to the I/O thread."""
    layer = make_layer(server)
    channel = layer.blocking.new_channel()
    wait_for(lambda: connections(server) == [2], "no connections")

    async def stay() -> None:
        await layer.send(channel, {"n": 0})
        await asyncio.sleep(1.2)
        await layer.send(channel, {"n": 1})
        for n in range(2):
            assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": n}
        assert layer.store.node.pumps.at_home is False
        await until(lambda: connections(server) == [3], "it has no connections of its own")

    for _ in range(2):
        run(stay())
        layer.blocking.send(channel, {"n": 2})
        assert layer.blocking.receive(channel, timeout=LIMIT) == {"n": 2}
        layer.blocking.send("work", {"n": 3})
        assert layer.blocking.receive("work", timeout=LIMIT) == {"n": 3}
        # What a loop that was closed without a word held goes with the garbage, once the I/O
        # thread has let go of it.
        wait_for(lambda: gc.collect() >= 0 and connections(server) == [2], "connections are left")
    if run is closes_without_a_word:  # asyncio complains of whoever closes a loop like that
        complaints[:] = [words for words in complaints if "Task was destroyed" not in words]


class Unheard:
    """Nobody who hears of a connection."""

    def broke(self, connection: object, error: Exception | None) -> None:
        """It isn't made."""

    works = forget = lambda self, connection: None


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_closed_without_a_word_while_it_connects(
    own_server: RedisServer, complaints: list[str]
) -> None:
    (dialer,) = named_dialers([own_server.url]).values()
    own_server.pause()

    async def connect() -> None:
        Connector(lambda lost: dialer.dial(), Unheard()).start()
        await asyncio.sleep(0.05)

    closes_without_a_word(connect())
    gc.collect()
    assert [words for words in complaints if "Task was destroyed" in words]
    complaints[:] = [words for words in complaints if "Task was destroyed" not in words]


async def test_waiting_in_a_loop_while_another_that_reads_ends(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    channel = await layer.new_channel()

    def reader() -> None:
        async def stay() -> None:
            await layer.receive_many(["other"], timeout=1.3)
            await layer.receive_many(["other"], timeout=0.2)

        asyncio.run(stay())

    thread = threading.Thread(target=reader)
    thread.start()
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.to_thread(thread.join)
    await layer.send(channel, {"n": 1})
    assert await asyncio.wait_for(waiting, LIMIT) == {"n": 1}


async def test_receives_cancelled_at_random(
    make_layer: MakeLayer, server: RedisServer, dice: random.Random
) -> None:
    """Sent is received, in order, whenever a receive is cancelled."""
    layer, sender = make_layer(server, capacity=5000), make_layer(server, capacity=5000)
    channel = await layer.new_channel()
    await asyncio.sleep(1.1)
    got: dict[str, list[int]] = {channel: [], "work": []}

    async def send_all() -> None:
        for n in range(1500):
            await sender.send(channel, {"n": n})
            await sender.send("work", {"n": n})

    async def consume(name: str) -> None:
        while len(got[name]) < 1500:
            task = asyncio.ensure_future(layer.receive(name))
            await asyncio.sleep(0.002 * dice.random() if dice.random() < 0.3 else 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                got[name].append((await task)["n"])

    await asyncio.wait_for(asyncio.gather(send_all(), consume(channel), consume("work")), 60)
    assert got[channel] == list(range(1500))
    assert got["work"] == list(range(1500))


# -- forks --------------------------------------------------------------------------------

FORK = """
import asyncio, os, sys, threading, time
import {loops} as loops
from fairway.redis import RedisChannelLayer

layer = RedisChannelLayer([{url!r}], heartbeat=0.2, lease=1.0)

async def use(stay):
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await asyncio.sleep(1.2 if stay else 0)
    await layer.send(channel, {{"n": 1}})
    assert await asyncio.wait_for(layer.receive(channel), 10) == {{"n": 1}}
    return channel

async def parent():
    channel = await use(True)
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0.1)
    # In a thread, as a server does that forks from a request.
    child = await asyncio.to_thread(fork)
    status = None
    while not (status := os.waitpid(child, os.WNOHANG))[0]:
        await asyncio.sleep(0.01)
    assert os.waitstatus_to_exitcode(status[1]) == 0, status
    # The child was a member of the same group, as another node, and has ended.
    await layer.send(channel, {{"n": 2}})
    assert await asyncio.wait_for(waiting, 10) == {{"n": 2}}
    await use(False)
    while len(members := await layer.group_channels("chat")) > 2:
        await asyncio.sleep(0.1)
    assert all(layer.node in member for member in members), members
    await layer.close()

def fork():
    before = layer.node
    child = os.fork()
    if child == 0:
        try:
            asyncio._set_running_loop(None)
            assert layer.node != before
            channel = asyncio.run(use(True))
            assert layer.node in channel
            layer.blocking.send("work", {{"n": 3}})
            assert layer.blocking.receive("work", timeout=10) == {{"n": 3}}
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return child

loops.run(parent())
print("fine", threading.active_count())
"""


@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_fork_after_first_use(server: RedisServer, loops: str) -> None:
    script = textwrap.dedent(FORK.format(url=server.url, loops=loops))
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fine 1\n"
    assert "Traceback" not in done.stderr
    assert "never retrieved" not in done.stderr


def test_a_script_that_just_ends(server: RedisServer) -> None:
    """No close, no goodbye: the interpreter ends clean, and others bury the node."""
    script = f"""
    import asyncio
    from fairway.redis import RedisChannelLayer
    layer = RedisChannelLayer([{server.url!r}])
    async def main():
        channel = await layer.new_channel()
        await layer.send(channel, {{"n": 1}})
        print(await layer.receive(channel))
        await asyncio.sleep(1.2)
        await layer.send(channel, {{"n": 2}})
        print(await layer.receive(channel))
    asyncio.run(main())
    """
    command = [sys.executable, "-X", "dev", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "{'n': 1}\n{'n': 2}\n")
    # Development mode says of a busy machine, too, that a step took long.
    assert re.sub(r"^Executing <.*> took [\d.]+ seconds\n", "", done.stderr, flags=re.M) == ""


async def test_closing_leaves_no_connection_and_no_task(
    make_layer: MakeLayer, shared_servers: list[RedisServer]
) -> None:
    used = shared_servers[:3]
    before = connections(*used)
    tasks = asyncio.all_tasks()
    for _ in range(3):
        layer = make_layer(*used)
        channel = await layer.new_channel()
        await asyncio.sleep(1.1)
        await layer.send(channel, {})
        await asyncio.wait_for(layer.receive(channel), LIMIT)
        await layer.receive_many(["work"], timeout=0.05)
        await layer.close()
    await until(lambda: connections(*used) == before, f"{connections(*used)} are left")
    await until(lambda: asyncio.all_tasks() == tasks, "tasks are left")


def test_a_layer_is_used_again_after_closing(make_layer: MakeLayer, server: RedisServer) -> None:
    layer: RedisChannelLayer = make_layer(server)
    for n in range(3):
        channel = layer.blocking.new_channel()
        layer.blocking.send(channel, {"n": n})
        assert layer.blocking.receive(channel, timeout=LIMIT) == {"n": n}
        asyncio.run(layer.close())


def test_what_a_loop_received_just_before_it_ended_is_not_counted_as_unread(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)

    async def receive_and_end() -> str:
        channel = await layer.new_channel()
        await layer.send(channel, {})
        await asyncio.sleep(1.2)  # from now on the loop has connections of its own, once asked
        await layer.receive(channel)
        return channel

    channel = asyncio.run(receive_and_end())
    wait_for(
        lambda: not layer.blocking.channel_statistics(channel)["messages_pending"],
        "what was received counts as unread",
    )
