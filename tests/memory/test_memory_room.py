"""The in-memory layer gives back the memory of what is over."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from fairway.core.meter import Meters
from fairway.memory import InMemoryChannelLayer
from fairway.names import check_group, parse_channel

#: Bytes that counters of a fixed size may hold afterwards.
ALLOWED = 64 * 1024

Use = Callable[[InMemoryChannelLayer, int], Awaitable[None]]


async def sent_and_read(layer: InMemoryChannelLayer, n: int) -> None:
    channel = await layer.new_channel()
    await layer.send(channel, {"type": "test", "n": n})
    assert (await layer.receive(channel))["n"] == n


async def normal_and_read(layer: InMemoryChannelLayer, n: int) -> None:
    await layer.send(f"c{n}", {"type": "test", "n": n})
    assert (await layer.receive(f"c{n}"))["n"] == n


async def waited_for(layer: InMemoryChannelLayer, n: int) -> None:
    channel = await layer.new_channel()
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0)
    await layer.send(channel, {"n": n})
    assert (await waiting)["n"] == n


async def waited_for_in_vain(layer: InMemoryChannelLayer, n: int) -> None:
    waiting = asyncio.ensure_future(layer.receive(await layer.new_channel()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})


async def in_a_group(layer: InMemoryChannelLayer, n: int) -> None:
    channel, group = await layer.new_channel(), f"g{n}"
    await layer.group_add(group, channel)
    await layer.group_send(group, {"n": n})
    assert (await layer.receive(channel))["n"] == n
    await layer.group_discard(group, channel)


USES = [sent_and_read, normal_and_read, waited_for, waited_for_in_vain, in_a_group]


@pytest.mark.parametrize("use", USES)
async def test_channels_made_used_once_and_dropped_leave_nothing(use: Use) -> None:
    layer = InMemoryChannelLayer()
    tracemalloc.start()
    try:
        before = await memory_after(layer, use, range(1000))
        after = await memory_after(layer, use, range(1000, 6000))
    finally:
        tracemalloc.stop()
    assert after - before < ALLOWED


async def memory_after(layer: InMemoryChannelLayer, use: Use, numbers: range) -> int:
    """Bytes in use, but for names and figures, whose bounds have tests of their own."""
    for n in numbers:
        await use(layer, n)
    parse_channel.cache_clear()
    check_group.cache_clear()
    layer._alone.clear()
    layer.store._meters = Meters(0.0)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_the_channels_remembered_are_bounded() -> None:
    layer = InMemoryChannelLayer()
    for n in range(20_000):
        await layer.send(f"c{n}", {})
        await layer.receive(f"c{n}")
        assert len(layer._alone) <= 16384
    assert len(layer.store._mailbox.inbox._queues) <= 256


async def test_a_hundred_thousand_channels_with_messages_are_forgotten_when_read() -> None:
    layer = InMemoryChannelLayer()
    channels = [await layer.new_channel() for _ in range(100_000)]
    for channel in channels:
        await layer.send(channel, {})
    inbox = layer.store._mailbox.inbox
    assert len(inbox._queues) == 100_000
    for channel in channels:
        await layer.receive(channel)
    await layer.global_statistics()
    assert len(inbox._queues) == 0
