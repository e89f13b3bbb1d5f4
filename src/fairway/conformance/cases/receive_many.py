"""Receiving from whichever of several channels has a message."""

from __future__ import annotations

import asyncio

from ..case import case
from ..checks import (
    both_kinds,
    cancel,
    eventually_equal,
    fresh,
    nothing_more,
    require,
    require_equal,
    within,
)
from ..harness import Harness


@case(0, "receive_many gives a message and its channel, for channels of both kinds")
async def whichever_has_one(h: Harness) -> None:
    layer = h.make()
    channels = [*await both_kinds(layer), *await both_kinds(layer)]
    for channel in channels:
        await layer.send(channel, {"to": channel})
        got = await within(h.patience, layer.receive_many(channels), "receive_many found nothing")
        require_equal(tuple(got), (channel, {"to": channel}), "receive_many")


@case(0, "receive_many leaves the messages of other channels alone")
async def leaves_the_rest(h: Harness) -> None:
    layer = h.make()
    channels = [await layer.new_channel(), await layer.new_channel()]
    for channel in channels:
        await layer.send(channel, {"to": channel})
    first, _ = await within(h.patience, layer.receive_many(channels), "receive_many found nothing")
    [other] = set(channels) - {first}
    message = await within(h.patience, layer.receive(other), f"{other} lost its message")
    require_equal(message, {"to": other}, "the other channel's message")


@case(0, "receive_many waits, and is woken by a later message")
async def woken(h: Harness) -> None:
    layer = h.make()
    channels = await both_kinds(layer)
    for channel in channels:
        waiting = asyncio.ensure_future(layer.receive_many(channels))
        try:
            await asyncio.wait({waiting}, timeout=h.settle)
            require(not waiting.done(), "receive_many without a message did not wait")
            await layer.send(channel, {})
            got = await within(
                h.patience, waiting, f"receive_many slept on as {channel} was sent to"
            )
            require_equal(tuple(got), (channel, {}), "receive_many")
        finally:
            await cancel(waiting)


@case(0, "receive_many gives (None, None) when its timeout is over")
async def timeout(h: Harness) -> None:
    layer = h.make()
    channels = await both_kinds(layer)
    work = layer.receive_many(channels, timeout=h.moment)
    got = await within(h.moment + h.patience, work, "receive_many outlived its timeout")
    require_equal(tuple(got), (None, None), "receive_many after its timeout")
    await layer.send(channels[0], {})
    work = layer.receive_many(channels, timeout=h.patience)
    got = await within(2 * h.patience, work, "receive_many outlived its timeout")
    require_equal(tuple(got), (channels[0], {}), "receive_many before its timeout")


@case(0, "receive_many with timeout=0 polls: it gives what is there, and doesn't wait")
async def poll(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):

        async def polled(channel: str = channel) -> tuple[object, ...]:
            work = layer.receive_many([channel], timeout=0)
            return tuple(await within(h.patience, work, "receive_many with timeout=0 waits"))

        require_equal(await polled(), (None, None), "receive_many on an empty channel")
        await layer.send(channel, {"n": 1})
        await eventually_equal(h, polled, (channel, {"n": 1}), "receive_many with timeout=0")


@case(0, "Who polls a normal channel seldom finds what waits there, to the last message")
async def seldom(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    for turn in range(2):
        for n in range(3):
            await layer.send(channel, {"n": n})
        if turn:
            await h.let_pass(3)  # a layer may have given up who looks so seldom
        looks = [await layer.receive_many([channel], timeout=0) for _ in range(4)]
        got = sorted(message["n"] for _, message in looks if message is not None)
        require_equal(got, [0, 1, 2], "what four looks at three messages found")


@case(0, "receive_many that timed out leaves no reader behind")
async def timeout_leaves_nothing(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    for _ in range(20):
        await layer.receive_many([channel], timeout=0.001)
    await layer.send(channel, {"n": 1})
    message = await within(h.patience, layer.receive(channel), "a reader that gave up took it")
    require_equal(message, {"n": 1}, "message")
    await nothing_more(h, layer, channel, "one message was sent")
