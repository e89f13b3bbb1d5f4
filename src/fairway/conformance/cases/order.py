"""Promise 3: messages keep their order, and a busy channel never starves a quiet one."""

from __future__ import annotations

import asyncio

from ..case import case
from ..checks import (
    fresh,
    receive_count,
    require,
    require_equal,
    send_when_room,
    within,
)
from ..harness import Harness, Layer

COUNT = 500


async def _numbers(h: Harness, layer: Layer, channel: str, count: int = COUNT) -> list[int]:
    return [message["n"] for message in await receive_count(h, layer, channel, count)]


@case(3, "One writer's messages on a process-specific channel arrive in order")
async def one_writer(h: Harness) -> None:
    layer = h.make(capacity=COUNT)
    channel = await layer.new_channel()
    for n in range(COUNT):
        await layer.send(channel, {"n": n})
    require_equal(await _numbers(h, layer, channel), list(range(COUNT)), "order")


@case(3, "Messages keep their order while the reader reads")
async def reading_meanwhile(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    reading = asyncio.ensure_future(_numbers(h, layer, channel))
    for n in range(COUNT):
        await send_when_room(h, layer, channel, {"n": n})
    require_equal(await reading, list(range(COUNT)), "order")


@case(3, "Messages from another node arrive in order", needs=("second_node",))
async def from_other_node(h: Harness) -> None:
    layer = h.make(capacity=COUNT)
    channel = await layer.new_channel()
    other = h.second(layer)
    for n in range(COUNT):
        await other.send(channel, {"n": n})
    require_equal(await _numbers(h, layer, channel), list(range(COUNT)), "order")


@case(3, "One sender's group messages arrive at each member in order")
async def group_messages(h: Harness) -> None:
    layer, group = h.make(capacity=100), fresh("chat")
    members = [await layer.new_channel() for _ in range(5)]
    for member in members:
        await layer.group_add(group, member)
    for n in range(100):
        await layer.group_send(group, {"n": n})
    for member in members:
        require_equal(await _numbers(h, layer, member, 100), list(range(100)), "order at a member")


async def _find_quiet(h: Harness, layer: Layer, busy: str, quiet: str, channels: list[str]) -> None:
    """Keeps `busy` full, and requires that `quiet` gets its turn."""
    for n in range(20):
        await layer.send(busy, {"n": n})
    await layer.send(quiet, {"n": 0})
    for _ in range(COUNT):
        work = layer.receive_many(channels)
        channel, _ = await within(h.patience, work, "receive_many found nothing")
        if channel == quiet:
            return
        await layer.send(busy, {"n": 0})
    require(False, f"the quiet channel waited for more than {COUNT} messages of the busy one")


@case(3, "A busy channel never starves a quiet one")
async def no_starving(h: Harness) -> None:
    layer = h.make()
    for busy, quiet in (
        (await layer.new_channel(), await layer.new_channel()),
        (fresh("busy"), fresh("quiet")),
        (await layer.new_channel(), fresh("quiet")),
        (fresh("busy"), await layer.new_channel()),
    ):
        await _find_quiet(h, layer, busy, quiet, [busy, quiet])
        await _find_quiet(h, layer, busy, quiet, [quiet, busy])
