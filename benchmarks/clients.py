"""python -m benchmarks.clients: ways for an event loop to speak to Redis, all with hiredis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import redis.asyncio as redis_asyncio

from fairway.redis.connection import RedisConnection

from .servers import redis_server
from .sheet import Sheet, publish

_SINGLES = 2000
_BATCH = 100
_BATCHES = 300
_ROUNDS = 7

#: Sends so many commands at once and waits for all replies.
Ask = Callable[[int], Awaitable[None]]
_COMMAND = ("SET", "key", "x" * 100)


async def _client(address: str) -> Ask:
    client = redis_asyncio.Redis.from_url(address)

    async def ask(count: int) -> None:
        if count == 1:
            await client.execute_command(*_COMMAND)
            return
        pipeline = client.pipeline(transaction=False)
        for _ in range(count):
            pipeline.execute_command(*_COMMAND)
        await pipeline.execute()

    return ask


async def _bare(address: str) -> Ask:
    connection = redis_asyncio.Redis.from_url(address).connection_pool.make_connection()
    await connection.connect()

    async def ask(count: int) -> None:
        commands = connection.pack_commands([_COMMAND] * count)
        await connection.send_packed_command(commands)
        for _ in range(count):
            await connection.read_response()

    return ask


async def _ours(address: str) -> Ask:
    connection = await open_ours(address)
    loop = asyncio.get_running_loop()

    async def ask(count: int) -> None:
        left = count
        done = loop.create_future()

        def heard(reply: Any) -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set_result(None)

        connection.send([(_COMMAND, heard)] * count)
        await done

    return ask


async def open_ours(address: str) -> RedisConnection:
    """A connection of Fairway's."""
    taken = redis_asyncio.Redis.from_url(address).connection_pool.make_connection()
    await taken.connect()
    return RedisConnection(taken, address, lambda: None)


WAYS = {
    "redis-py's client": _client,
    "redis-py's Connection, bare": _bare,
    "our protocol on redis-py's socket": _ours,
}


def sheets() -> Iterator[Sheet]:
    """What was found."""
    with redis_server() as address:
        found = asyncio.run(_measure_all(address))
    lines: dict[str, list[float | str]] = {
        name: [min(r[0] for r in rounds), max(r[1] for r in rounds), min(r[2] for r in rounds)]
        for name, rounds in found.items()
    }
    heading = [
        "way", "round trip, p50 µs", "commands/s, by 100", "client's processor, µs/command"
    ]  # fmt: skip
    yield Sheet("clients", heading, lines)


async def _measure_all(address: str) -> dict[str, list[tuple[float, float, float]]]:
    asks = {name: await make(address) for name, make in WAYS.items()}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in asks}
    for _ in range(_ROUNDS):
        for name, ask in asks.items():
            found[name].append((await _round_trip(ask), *await _in_batches(ask)))
    return found


async def _round_trip(ask: Ask) -> float:
    spans = [await _seconds(partial(ask, 1)) for _ in range(_SINGLES)]
    return median(spans) * 1e6


async def _in_batches(ask: Ask) -> tuple[float, float]:
    async def all_batches() -> None:
        for _ in range(_BATCHES):
            await ask(_BATCH)

    used = time.process_time()
    seconds = await _seconds(all_batches)
    used = time.process_time() - used
    return _BATCH * _BATCHES / seconds, used / _BATCH / _BATCHES * 1e6


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


if __name__ == "__main__":
    publish(sheets())
