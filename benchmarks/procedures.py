"""What the two processes of a case do: each function runs in one of them, see ``side``.

Instants are of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from typing import Any

from .side import Here

MESSAGE = {"type": "chat.message", "text": "x" * 100}
WARM = {"type": "warm"}
GO = {"type": "go"}

now = time.monotonic


async def settle(here: Here, seconds: float) -> None:
    """Have the layer connected, and known this event loop for some time."""
    await here.layer.group_send("bench-nobody", WARM)
    await asyncio.sleep(seconds)
    await here.layer.group_send("bench-nobody", WARM)


async def cpu_seconds(here: Here) -> float:
    """What this process, with all its threads, has used of the processor."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# -- channels --------------------------------------------------------------------------


async def new_channel(here: Here) -> str:
    name: str = await here.layer.new_channel()
    return name


async def send(here: Here, channel: str, count: int, in_flight: int) -> float:
    """Send ``count`` messages, ``in_flight`` at a time; the instant before the first."""

    async def one_after_another(count: int) -> None:
        for _ in range(count):
            await here.layer.send(channel, MESSAGE)

    start = now()
    await asyncio.gather(*(one_after_another(count // in_flight) for _ in range(in_flight)))
    return start


async def send_over(here: Here, channels: list[str], count: int, in_flight: int) -> float:
    """:func:`send` to many channels in turn."""

    async def one_after_another(first: int) -> None:
        for i in range(count // in_flight):
            await here.layer.send(channels[(first + i) % len(channels)], MESSAGE)

    start = now()
    await asyncio.gather(*(one_after_another(i) for i in range(in_flight)))
    return start


async def receive_over(here: Here, channels: list[str], count: int) -> float:
    """Receive ``count`` messages from these channels together; the instant after the last."""
    left = count
    over = asyncio.Event()

    async def each(channel: str) -> None:
        nonlocal left
        while True:
            await here.layer.receive(channel)
            left -= 1
            if not left:
                over.set()

    tasks = [asyncio.create_task(each(channel)) for channel in channels]
    await over.wait()
    end = now()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return end


async def new_channels(here: Here, count: int) -> list[str]:
    return [await here.layer.new_channel() for _ in range(count)]


async def send_one(here: Here, channel: str, message: dict[str, Any]) -> None:
    await here.layer.send(channel, message)


async def receive(here: Here, channel: str, count: int) -> float:
    """Receive ``count`` messages; the instant after the last."""
    for _ in range(count):
        await here.layer.receive(channel)
    return now()


async def receive_until_go(here: Here, channel: str) -> None:
    """Receive what is left of warming up."""
    while await here.layer.receive(channel) != GO:
        pass


async def send_paced(here: Here, channel: str, count: int, pause: float) -> None:
    """Send messages that say when they were sent, with pauses between."""
    for _ in range(count):
        await asyncio.sleep(pause)
        await here.layer.send(channel, {**MESSAGE, "at": now()})


async def receive_ages(here: Here, channel: str, count: int) -> list[float]:
    """Seconds from before the ``send`` to after the ``receive``, of each message."""
    ages = []
    for _ in range(count):
        message = await here.layer.receive(channel)
        ages.append(now() - float(message["at"]))
    return ages


# -- groups ----------------------------------------------------------------------------


async def join(here: Here, group: str, members: int) -> None:
    """Make channels and add them to ``group``."""
    channels = [await here.layer.new_channel() for _ in range(members)]
    for channel in channels:
        await here.layer.group_add(group, channel)
    # Have the layer listen: one that isn't yet may begin so for each of the members at once.
    await here.layer.send(channels[0], WARM)
    await here.layer.receive(channels[0])
    here.kept[group] = channels


async def group_send(here: Here, group: str, count: int) -> float:
    """Send ``count`` messages to the group; the instant before the first."""
    start = now()
    for _ in range(count):
        await here.layer.group_send(group, MESSAGE)
    return start


async def timed_group_send(here: Here, group: str) -> tuple[float, float]:
    """Send one message to the group; the instants before and after."""
    start = now()
    await here.layer.group_send(group, MESSAGE)
    return start, now()


async def receive_each(here: Here, group: str, count: int) -> float:
    """Have every member receive ``count`` messages; the instant after the last."""
    ends = await asyncio.gather(*(receive(here, channel, count) for channel in here.kept[group]))
    return max(ends)


async def await_one_each(here: Here, group: str) -> None:
    """Have every member wait for one message."""
    here.kept["waits"] = [
        asyncio.create_task(receive(here, channel, 1)) for channel in here.kept[group]
    ]
    # The slowest layer needs some 50 µs for a member before it waits.
    await asyncio.sleep(0.02 + 0.00005 * len(here.kept["waits"]))


async def last_of_them(here: Here) -> float:
    """When the last of :func:`await_one_each` had its message."""
    waits: list[asyncio.Task[float]] = here.kept.pop("waits")
    return max(await asyncio.gather(*waits))


async def group_adds(here: Here, group: str, count: int, in_flight: int) -> float:
    """Calls per second, each with a channel that is new to the group."""
    channels = [await here.layer.new_channel() for _ in range(count)]

    async def one_after_another(channels: list[str]) -> None:
        for channel in channels:
            await here.layer.group_add(group, channel)

    start = now()
    await asyncio.gather(*(one_after_another(channels[i::in_flight]) for i in range(in_flight)))
    return count / (now() - start)


async def discard_for_ever(here: Here, group: str) -> None:
    """Keep receiving in the background, so that the members' channels never fill."""

    async def discard(channel: str) -> None:
        while True:
            await here.layer.receive(channel)

    here.kept["discarding"] = [asyncio.create_task(discard(c)) for c in here.kept[group]]


async def wait_for_ever(here: Here, channels: list[str]) -> None:
    """Have somebody wait at each of these channels, in the background."""
    here.kept["waiting"] = [asyncio.create_task(here.layer.receive(c)) for c in channels]


# -- callers without an event loop -----------------------------------------------------


def sync_group_sends(here: Here, group: str, count: int) -> float:
    """``async_to_sync(group_send)`` calls per second, as a plain Django view makes them."""
    from asgiref.sync import async_to_sync

    call = async_to_sync(here.layer.group_send)
    start = now()
    for _ in range(count):
        call(group, MESSAGE)
    return count / (now() - start)


def sync_of_nothing(here: Here, count: int) -> float:
    """``async_to_sync`` of an empty coroutine, calls per second: what asgiref itself costs."""
    from asgiref.sync import async_to_sync

    async def nothing() -> None:
        pass

    call = async_to_sync(nothing)
    start = now()
    for _ in range(count):
        call()
    return count / (now() - start)


def thread_group_sends(here: Here, group: str, count: int, threads: int) -> float:
    """Calls per second of all threads together: ``layer.blocking``, or what a peer offers."""
    from asgiref.sync import async_to_sync

    if hasattr(type(here.layer), "blocking"):
        call = here.layer.blocking.group_send
    else:
        call = async_to_sync(here.layer.group_send)

    def work() -> None:
        for _ in range(count // threads):
            call(group, MESSAGE)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    start = now()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count // threads * threads / (now() - start)
