"""Promise 2: a sent message is received, or someone is told, or a counter counts it.

The drops that are counted are in the modules of what causes them: expiry and capacity.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from random import Random

from ..case import case
from ..checks import (
    both_kinds,
    cancel,
    fresh,
    receive,
    receive_count,
    require,
    require_equal,
    send_when_room,
)
from ..harness import Harness, Layer

COUNT = 200


@case(2, "A message that is sent before anyone receives waits for its reader")
async def waits_for_reader(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        await layer.send(channel, {"to": channel})
        require_equal(await receive(h, layer, channel), {"to": channel}, "message")


@case(2, "Two identical messages both arrive")
async def identical(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    for channel in await both_kinds(layer):
        await layer.group_add(group, channel)
        for _ in range(2):
            await layer.send(channel, {"text": "same"})
            await layer.group_send(group, {"text": "same"})
        got = await receive_count(h, layer, channel, 4)
        require_equal(got, [{"text": "same"}] * 4, "messages")
        await layer.group_discard(group, channel)


@case(2, "Each of many channels gets its own messages, all of them, in order")
async def many_channels(h: Harness) -> None:
    layer = h.make()
    channels = [await layer.new_channel() for _ in range(200)]
    for n in range(5):
        await asyncio.gather(*(layer.send(c, {"to": c, "n": n}) for c in channels))
    for channel in channels:
        expected = [{"to": channel, "n": n} for n in range(5)]
        require_equal(await receive_count(h, layer, channel, 5), expected, "messages of a channel")


@case(2, "A receive that is cancelled as its message arrives leaves it to the next")
async def cancelled_on_arrival(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        for turns in range(5):
            waiting = asyncio.ensure_future(layer.receive(channel))
            await asyncio.sleep(0)
            await layer.send(channel, {"n": turns})
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            got = await receive(h, layer, channel) if waiting.cancelled() else waiting.result()
            require_equal(got, {"n": turns}, "the message that arrived during the cancellation")


@case(2, "A receive that is cancelled passes its message to another that waits")
async def passed_on(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        first, second = (asyncio.ensure_future(layer.receive(channel)) for _ in range(2))
        try:
            await asyncio.wait({first, second}, timeout=h.settle)
            await layer.send(channel, {"n": 1})
            first.cancel()
            await asyncio.wait({first})
            if not first.cancelled():  # it had its message already
                require_equal(first.result(), {"n": 1}, "message of the first receive")
                continue
            done, _ = await asyncio.wait({second}, timeout=h.patience)
            require(done, "the message of a cancelled receive didn't reach the one waiting")
        finally:
            await cancel(first)
            await cancel(second)


@case(2, "Several receives that are cancelled as their messages arrive leave them in order")
async def cancelled_together(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    waiting = [asyncio.ensure_future(layer.receive(channel)) for _ in range(4)]
    await asyncio.wait(waiting, timeout=h.settle)
    for n in range(8):
        await layer.send(channel, {"n": n})
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    got = [task.result()["n"] for task in waiting if not task.cancelled()]
    got += [message["n"] for message in await receive_count(h, layer, channel, 8 - len(got))]
    require_equal(got, list(range(8)), "messages that arrived during the cancellations")


@case(2, "A hundred receives that gave up leave nothing behind that takes messages")
async def given_up(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        waiting = [asyncio.ensure_future(layer.receive(channel)) for _ in range(100)]
        await asyncio.wait(waiting, timeout=h.settle)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await layer.send(channel, {"n": 1})
        require_equal(await receive(h, layer, channel), {"n": 1}, "message")


async def _send_at_random(h: Harness, layer: Layer, channels: list[str], random: Random) -> None:
    for n in range(COUNT):
        await send_when_room(h, layer, random.choice(channels), {"n": n})
        # Bursts, and pauses long enough for the reader to wait.
        for _ in range(random.choice((0, 0, 12, 16, 24))):
            await asyncio.sleep(0)


async def _cancel_at_random(
    task: asyncio.Future[tuple[str, dict[str, int]]], random: Random, patience: float
) -> list[tuple[str, int]]:
    """What `task` received, if it did, when it is cancelled after a random while."""
    if random.random() < 0.1:
        await asyncio.wait({task}, timeout=patience / 20)
    for _ in range(random.randrange(6)):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    if task.cancelled():
        return []
    channel, message = task.result()
    return [(channel, message["n"])]


async def _sent_equals_received(h: Harness, layer: Layer, channels: list[str], many: bool) -> None:
    """Cancels receives at random, and requires every message, once, in its channel's order."""
    random = Random(h.seed)
    got: list[tuple[str, int]] = []
    loop = asyncio.get_running_loop()
    sender = asyncio.ensure_future(_send_at_random(h, layer, channels, random))
    deadline = loop.time() + 2 * h.patience
    try:
        while len(got) < COUNT and loop.time() < deadline:
            work = layer.receive_many(channels) if many else _receive(layer, channels[0])
            got += await _cancel_at_random(asyncio.ensure_future(work), random, h.patience)
        await sender
    finally:
        await cancel(sender)
    lost = sorted(set(range(COUNT)) - {n for _, n in got})
    require(not lost, f"cancelled receives lost messages {lost} (seed {h.seed})")
    _require_order(got, h.seed)


async def _receive(layer: Layer, channel: str) -> tuple[str, dict[str, int]]:
    return channel, await layer.receive(channel)


def _require_order(got: list[tuple[str, int]], seed: int) -> None:
    by_channel = defaultdict(list)
    for channel, n in got:
        by_channel[channel].append(n)
    for channel, numbers in by_channel.items():
        sentence = f"cancelled receives changed the order on {channel} (seed {seed})"
        require_equal(numbers, sorted(set(numbers)), sentence)


@case(2, "Receives that are cancelled at random lose nothing, and keep the order")
async def random_cancels(h: Harness) -> None:
    layer = h.make()
    await _sent_equals_received(h, layer, [await layer.new_channel()], many=False)


@case(2, "receive_manys that are cancelled at random lose nothing, and keep each channel's order")
async def random_cancels_of_many(h: Harness) -> None:
    layer = h.make()
    await _sent_equals_received(h, layer, [await layer.new_channel() for _ in range(3)], many=True)
