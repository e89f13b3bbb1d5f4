"""Many processes on one database: nothing twice, nothing lost, nothing in the way."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from benchmarks.leash import kill, leashed
from database_support import MakeLayer

from fairway.database import DatabaseChannelLayer

# Many processes take their time on a busy machine.
pytestmark = pytest.mark.patience(250)

FORKED = Path(__file__).with_name("forked.py")


@contextmanager
def forked(task: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = leashed(
        [sys.executable, str(FORKED), task, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield process
    finally:
        kill(process)
        process.stdout.close()


def lines(process: subprocess.Popen[str]) -> list[list[int]]:
    """What they said until they ended, which they do in time or die of it."""
    said = [json.loads(line) for line in process.stdout]
    assert process.wait() == 0
    return said


async def test_sixteen_readers_share_a_normal_channel(make_layer: MakeLayer, alias: str) -> None:
    layer = make_layer(alias, capacity=10_000, expiry=600)
    with forked("read", alias, layer.prefix, "16", "work") as readers:
        for number in range(1000):
            await layer.send("work", {"number": number})
        await until_all_read(layer, "work")
        for _ in range(16):
            await layer.send("work", {"end": True})
        got = await asyncio.to_thread(lines, readers)
    assert sorted(number for each in got for number in each) == list(range(1000))


async def until_all_read(layer: DatabaseChannelLayer, channel: str) -> None:
    pending = 1
    while pending:
        pending = (await layer.channel_statistics(channel))["messages_pending"]


async def test_sixteen_writers_to_one_reader(make_layer: MakeLayer, alias: str) -> None:
    layer = make_layer(alias, capacity=10_000, expiry=600)
    channel = await layer.new_channel()
    got = defaultdict(list)
    with forked("write", alias, layer.prefix, "16", channel) as writers:
        for _ in range(16 * 50):
            message = await layer.receive(channel)
            got[message["writer"]].append(message["number"])
        assert await asyncio.to_thread(lines, writers) == []
    assert list(got.values()) == [list(range(50))] * 16


def test_ten_processes_start_at_once(make_layer: MakeLayer, alias: str) -> None:
    prefix = make_layer(alias).prefix
    with forked("start", alias, prefix, "10") as processes:
        assert lines(processes) == [[{}]] * 10


async def test_a_process_killed_with_messages_in_hand(make_layer: MakeLayer, alias: str) -> None:
    layer = make_layer(alias)
    for number in range(50):
        await layer.send("work", {"number": number})
    with forked("hold", alias, layer.prefix, "1", "work") as process:
        assert process.stdout is not None
        holder, number = json.loads(await asyncio.to_thread(process.stdout.readline))
        os.kill(holder, signal.SIGKILL)
    got = [number]

    async def drops() -> int:
        return (await layer.global_statistics())["drops"]["reader_died"]

    while (await layer.channel_statistics("work"))["messages_pending"]:
        _, message = await layer.receive_many(["work"], timeout=0.2)
        if message is not None:
            got.append(message["number"])
    assert len(got) == len(set(got))
    # What was handed over a moment before the end may be counted as unread too.
    assert 50 - len(got) <= await drops() <= 50 - len(got) + 1


@pytest.mark.parametrize("size", [7_990, 8_000, 8_010, 1_000_000])
async def test_sizes(make_layer: MakeLayer, alias: str, size: int) -> None:
    sender, receiver = make_layer(alias), make_layer(alias)
    channel = await receiver.new_channel()
    await receiver.group_add("group", channel)
    for name in (channel, "normal"):
        await sender.send(name, {"body": b"x" * size})
        assert await receiver.receive(name) == {"body": b"x" * size}
    await sender.group_send("group", {"body": b"x" * size})
    assert await receiver.receive(channel) == {"body": b"x" * size}
