"""Promise 10: sending never waits for a reader."""

from __future__ import annotations

import asyncio

from ..case import case
from ..checks import (
    both_kinds,
    cancel,
    channel_full_errors,
    expect_raises,
    fresh,
    receive,
    require_equal,
    within,
)
from ..harness import Harness

BLOCKED = "a send waited for a reader"


@case(10, "send returns although nobody reads")
async def without_reader(h: Harness) -> None:
    layer = h.make(capacity=50)
    for channel in await both_kinds(layer):
        for n in range(50):
            await within(h.patience, layer.send(channel, {"n": n}), BLOCKED)


@case(10, "A send to a full channel is refused, it doesn't wait for room")
async def full(h: Harness) -> None:
    layer, channel = h.make(capacity=1), fresh("work")
    await layer.send(channel, {})
    for _ in range(20):
        with expect_raises(channel_full_errors(), "ChannelFull tells of a full channel"):
            await within(h.patience, layer.send(channel, {}), BLOCKED)


@case(10, "group_send returns although its members are full and nobody reads")
async def full_group(h: Harness) -> None:
    layer, group = h.make(capacity=1), fresh("chat")
    for channel in await both_kinds(layer):
        await layer.group_add(group, channel)
    for n in range(50):
        await within(h.patience, layer.group_send(group, {"n": n}), BLOCKED)


@case(10, "Many waiting receives leave the loop, and other channels, free")
async def loop_stays_free(h: Harness) -> None:
    layer = h.make()
    idle = [*[await layer.new_channel() for _ in range(100)], *[fresh("idle") for _ in range(20)]]
    waiting = [asyncio.ensure_future(layer.receive(channel)) for channel in idle]
    try:
        await asyncio.wait(waiting, timeout=h.settle)
        for channel in await both_kinds(layer):
            for n in range(20):
                await within(h.patience, layer.send(channel, {"n": n}), BLOCKED)
                require_equal(await receive(h, layer, channel), {"n": n}, "message")
    finally:
        for task in waiting:
            await cancel(task)


@case(10, "A sender that waits in one task does not stop another")
async def concurrent_senders(h: Harness) -> None:
    layer = h.make(capacity=500)
    channel = await layer.new_channel()
    sends = asyncio.gather(*(layer.send(channel, {"n": n}) for n in range(500)))
    await within(3 * h.patience, sends, "500 concurrent sends did not finish")
    got = sorted([(await receive(h, layer, channel))["n"] for _ in range(500)])
    require_equal(got, list(range(500)), "messages of concurrent senders")
