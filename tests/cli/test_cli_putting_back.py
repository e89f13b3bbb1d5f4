"""A worker that is stopped leaves to others what it has not begun."""

import asyncio
import json
import signal
from collections.abc import Iterator

import pytest
from benchmarks.redis_server import RedisServer

from fairway.redis import RedisChannelLayer

from .fairway_process import PATIENCE, Running

JOBS = 90
LONG = 60  # so many are done that the worker takes some ahead; then comes one that takes long


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


async def left(layer: RedisChannelLayer, count: int) -> list[int]:
    numbers: list[int] = []
    while len(numbers) < count:
        _, message = await layer.receive_many(["jobs"], timeout=PATIENCE)
        assert message is not None, f"only {numbers} came back"
        numbers.append(message["n"])
    return numbers


async def test_what_it_took_ahead_goes_back_in_order(server: RedisServer) -> None:
    config = json.dumps({"hosts": [server.url]})
    layer = RedisChannelLayer(hosts=[server.url])
    options = ("--layer", "fairway.redis.RedisChannelLayer", "--config", config, "--threads", "1")
    for n in range(JOBS):
        await layer.send("jobs", {"n": n, "wait": n == LONG})
    with Running("worker", "jobs:routes", *options) as worker:
        await asyncio.to_thread(worker.wait_for, f"job {LONG}$")
        worker.send(signal.SIGTERM)
        worker.answer()
        assert await asyncio.to_thread(worker.exit_code) == 0
    # The signal may come a moment after the long job's end: then it has begun some more.
    first = worker.all_said().count("job ")
    assert LONG < first < JOBS
    assert await left(layer, JOBS - first) == list(range(first, JOBS))
    await layer.close()
