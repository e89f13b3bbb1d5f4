"""What the one process of an in-memory case does; see ``side``."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from .procedures import MESSAGE, now, receive, receive_each
from .side import Here

IN_FLIGHT = 100


async def messages(here: Here, count: int) -> float:
    """Messages per second: a hundred are sent, then received, over and over."""
    channel = await here.layer.new_channel()
    start = now()
    for _ in range(count // IN_FLIGHT):
        for _ in range(IN_FLIGHT):
            await here.layer.send(channel, MESSAGE)
        for _ in range(IN_FLIGHT):
            await here.layer.receive(channel)
    return count // IN_FLIGHT * IN_FLIGHT / (now() - start)


async def fan_out(here: Here, group: str, count: int) -> float:
    """Deliveries per second to members that all wait."""
    members = len(here.kept[group])
    receiving = asyncio.create_task(receive_each(here, group, count))
    await asyncio.sleep(0.02)
    start = now()
    for _ in range(count):
        await here.layer.group_send(group, MESSAGE)
        await asyncio.sleep(0)
    return members * count / (await receiving - start)


async def sends_on_the_loop(here: Here, count: int) -> float:
    """Messages per second from one coroutine to another."""
    channel = await here.layer.new_channel()

    async def send() -> None:
        for i in range(count):
            await here.layer.send(channel, MESSAGE)
            if i % IN_FLIGHT == 0:
                await asyncio.sleep(0)

    return await _rate(here, channel, count, send())


async def sends_from_a_thread(here: Here, count: int) -> float:
    """Messages per second from a thread to a coroutine."""
    channel = await here.layer.new_channel()

    def send() -> None:
        for _ in range(count):
            here.layer.blocking.send(channel, MESSAGE)

    async def send_in_thread() -> None:
        threading.Thread(target=send).start()

    return await _rate(here, channel, count, send_in_thread())


async def _rate(here: Here, channel: str, count: int, sending: Coroutine[Any, Any, None]) -> float:
    receiving = asyncio.create_task(receive(here, channel, count))
    await asyncio.sleep(0)
    start = now()
    await sending
    return count / (await receiving - start)


async def memory_of_channels(here: Here, count: int) -> float:
    """Resident memory after ``count`` channels were made, used once and dropped, to before."""
    await _use_channels(here, count // 20)  # caches fill, the allocator finds its size
    before = _resident()
    await _use_channels(here, count)
    return _resident() / before


async def _use_channels(here: Here, count: int) -> None:
    for _ in range(count):
        channel = await here.layer.new_channel()
        await here.layer.send(channel, MESSAGE)
        await here.layer.receive(channel)


def _resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
