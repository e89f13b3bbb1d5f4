"""Promise 1: no message reaches two readers, or one reader twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from ..case import case
from ..checks import (
    both_kinds,
    cancel,
    eventually,
    fresh,
    nothing_more,
    receive_count,
    require_equal,
    send_when_room,
)
from ..harness import Harness, Layer

COUNT = 60


async def _read_on(read: Callable[[], Awaitable[int]], got: list[int]) -> None:
    while True:
        got.append(await read())


def _by_receive(layer: Layer, channel: str) -> Callable[[], Awaitable[int]]:
    async def read() -> int:
        return int((await layer.receive(channel))["n"])

    return read


def _by_receive_many(layer: Layer, channel: str) -> Callable[[], Awaitable[int]]:
    async def read() -> int:
        return int((await layer.receive_many([channel]))[1]["n"])

    return read


async def _share(
    h: Harness, layer: Layer, channel: str, readers: list[Callable[[], Awaitable[int]]]
) -> None:
    """Sends to `channel` while `readers` read, and requires that each message came to one."""
    got: list[int] = []
    tasks = [asyncio.ensure_future(_read_on(read, got)) for read in readers]
    try:
        for n in range(COUNT):
            await send_when_room(h, layer, channel, {"n": n})
        await _all_read(h, got, tasks)
    finally:
        for task in tasks:
            await cancel(task)


async def _all_read(h: Harness, got: list[int], readers: Sequence[asyncio.Future[None]]) -> None:
    async def enough() -> bool:
        for reader in readers:
            if reader.done():
                reader.result()
        return len(got) >= COUNT

    await eventually(h, enough, "some messages reached none of the waiting readers")
    await asyncio.sleep(h.settle)
    require_equal(Counter(got), Counter(range(COUNT)), "messages, each to one of the readers")


@case(1, "Each message of a normal channel reaches one of several waiting readers")
async def readers_of_normal_channel(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    await _share(h, layer, channel, [_by_receive(layer, channel)] * 5)


@case(1, "Each message of a process-specific channel reaches one of several waiting readers")
async def readers_of_specific_channel(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    await _share(h, layer, channel, [_by_receive(layer, channel)] * 5)


@case(1, "receive and receive_many on one channel share its messages")
async def both_verbs(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        readers = [_by_receive(layer, channel), _by_receive_many(layer, channel)]
        await _share(h, layer, channel, readers * 2)


@case(1, "Each message of a normal channel reaches one of two nodes", needs=("second_node",))
async def two_nodes(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    readers = [_by_receive(node, channel) for node in (layer, h.second(layer))]
    await _share(h, layer, channel, readers * 2)


@case(1, "A message that was received is gone")
async def received_once(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        for n in range(10):
            await layer.send(channel, {"n": n})
        got = sorted(message["n"] for message in await receive_count(h, layer, channel, 10))
        require_equal(got, list(range(10)), "messages received")
        await nothing_more(h, layer, channel, "ten were sent and ten received")


@case(1, "Readers of a normal channel that are cancelled at random get no message twice")
async def cancelled_readers(h: Harness) -> None:
    layer, channel, random = h.make(), fresh("work"), Random(h.seed)
    got: list[int] = []

    async def read() -> int:
        while True:
            task = asyncio.ensure_future(layer.receive(channel))
            try:
                for _ in range(random.randrange(6)):
                    await asyncio.sleep(0)
            finally:
                await cancel(task)
            if not task.cancelled():
                return int(task.result()["n"])
            _let_threads_run()

    sender = asyncio.ensure_future(_send_at_random(h, layer, channel, random))
    reads = [read, read, read, _by_receive(layer, channel)]
    readers = [asyncio.ensure_future(_read_on(each, got)) for each in reads]
    try:
        await sender
        await _all_read(h, got, readers)
    finally:
        for task in (sender, *readers):
            await cancel(task)


def _let_threads_run() -> None:
    """A loop that never rests leaves those of a store hardly any time: Python's lock is taken
    from it every 5 ms only."""
    time.sleep(1e-6)


async def _send_at_random(h: Harness, layer: Layer, channel: str, random: Random) -> None:
    for n in range(COUNT):
        await send_when_room(h, layer, channel, {"n": n})
        # Bursts, and pauses long enough for the readers to wait.
        for _ in range(random.choice((0, 0, 12, 16, 24))):
            await asyncio.sleep(0)


@case(1, "A node that closes leaves what it hasn't handed out to others", needs=("second_node",))
async def closing_node(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    other = h.second(layer)
    for n in range(10):
        await layer.send(channel, {"n": n})
    taken = await receive_count(h, other, channel, 1)
    await other.close()
    left = await receive_count(h, layer, channel, 9)
    got = sorted(message["n"] for message in taken + left)
    require_equal(got, list(range(10)), "messages read before and after a node closed")
    await nothing_more(h, layer, channel, "ten were sent and ten received")
