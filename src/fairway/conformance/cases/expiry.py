"""Promise 4: unread messages go after `expiry` seconds."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..case import case
from ..checks import (
    TooSlow,
    both_kinds,
    cancel,
    channel_full_errors,
    drops,
    eventually,
    expect_raises,
    fresh,
    require_equal,
    send_when_room,
)
from ..harness import Harness, Layer

OLD, NEW = {"text": "old"}, {"text": "new"}
EXPIRED = "its messages expired"


async def _new_comes_first(h: Harness, layer: Layer, channel: str) -> None:
    """Requires a new message to come first while such are sent, so that one is young enough.

    A busy machine may take longer to deliver it than it lasts, and learn only roughly what the
    store's clock shows: then longer moments tell.
    """
    try:
        first = await _first(h, layer, channel)
        require_equal(first, NEW, "first message after expiry")
    except AssertionError as error:
        raise TooSlow(str(error)) from error


async def _first(h: Harness, layer: Layer, channel: str) -> Any:
    reading = asyncio.ensure_future(layer.receive(channel))
    try:

        async def arrived() -> bool:
            await send_when_room(h, layer, channel, NEW, EXPIRED)
            await asyncio.wait({reading}, timeout=h.moment / 5)
            return bool(reading.done())

        await eventually(h, arrived, f"a new message never reached the reader of {channel}")
        return reading.result()
    finally:
        await cancel(reading)


@case(4, "An unread message goes after `expiry` seconds")
async def unread_goes(h: Harness) -> None:
    layer = h.make(expiry=h.moment)
    channels = await both_kinds(layer)
    for channel in channels:
        await layer.send(channel, OLD)
    await h.let_pass(h.moment)
    for channel in channels:
        await _new_comes_first(h, layer, channel)


@case(4, "A group message goes after `expiry` seconds, at each member")
async def group_message_goes(h: Harness) -> None:
    layer, group = h.make(expiry=h.moment), fresh("chat")
    channels = await both_kinds(layer)
    for channel in channels:
        await layer.group_add(group, channel)
    await layer.group_send(group, OLD)
    await h.let_pass(h.moment)
    for channel in channels:
        await _new_comes_first(h, layer, channel)


@case(4, "A message that is younger than `expiry` waits for its reader")
async def young_stays(h: Harness) -> None:
    expiry = 4 * h.moment
    layer = h.make(expiry=expiry)
    for channel in await both_kinds(layer):
        started = time.monotonic()
        await layer.send(channel, OLD)
        await h.let_pass(2 * h.moment)
        reading = asyncio.ensure_future(layer.receive(channel))
        await asyncio.wait({reading}, timeout=max(0, started + expiry - time.monotonic()))
        arrived = reading.done()
        await cancel(reading)
        if not arrived:
            raise TooSlow(f"a message of {2 * h.moment} s was gone although expiry is {expiry} s")


@case(4, "Steady sends don't make older messages younger")
async def steady_sends(h: Harness) -> None:
    layer = h.make(expiry=h.moment, capacity=1000)
    for channel in await both_kinds(layer):
        await layer.send(channel, OLD)
        for _ in range(10):
            await h.let_pass(h.moment / 8)
            await layer.send(channel, NEW)
        await _new_comes_first(h, layer, channel)


@case(2, 'Every expired message is counted in drops as "expired"')
async def counted(h: Harness) -> None:
    layer = h.make(expiry=h.moment)
    before = await drops(layer, "expired")
    channels = await both_kinds(layer)
    for channel in channels:
        for _ in range(3):
            await layer.send(channel, OLD)
    await h.let_pass(h.moment)
    for channel in channels:
        # A layer may notice only when someone looks.
        await _new_comes_first(h, layer, channel)

    async def all_counted() -> bool:
        return await drops(layer, "expired") - before >= 6

    await eventually(h, all_counted, "six messages expired, and drops['expired'] didn't count six")


@case(2, "A message for a process that nobody knows is counted among the drops")
async def unknown_process(h: Harness) -> None:
    layer = h.make(expiry=h.moment)
    before = await drops(layer)
    await layer.send(f"{fresh('specific.nobody')}!1", OLD)
    await h.let_pass(h.moment)

    async def one_dropped() -> bool:
        return await drops(layer) - before == 1

    await eventually(h, one_dropped, "nobody could receive a message, and drops don't count it")


@case(5, "Expired messages leave room on a full channel")
async def room_again(h: Harness) -> None:
    layer = h.make(expiry=h.moment, capacity=3)
    for channel in await both_kinds(layer):
        await _fill(h, layer, channel)
        await h.let_pass(h.moment)
        await send_when_room(h, layer, channel, NEW, EXPIRED)


async def _fill(h: Harness, layer: Layer, channel: str) -> None:
    async def full() -> bool:
        try:
            await layer.send(channel, OLD)
        except channel_full_errors():
            return True
        return False

    await eventually(h, full, f"{channel} took any number of messages with a capacity of 3")


@case(4, "A message that waits for a slow reader behind others expires too")
async def behind_others(h: Harness) -> None:
    layer = h.make(expiry=h.moment)
    channel = await layer.new_channel()
    for n in range(5):
        await layer.send(channel, {"n": n})
    reading = asyncio.ensure_future(layer.receive(channel))
    await asyncio.wait({reading}, timeout=h.patience)
    if not reading.done():
        await cancel(reading)
        raise TooSlow(f"of five messages with an expiry of {h.moment} s none was received")
    if (first := reading.result()) != {"n": 0}:
        raise TooSlow(f"of five messages with an expiry of {h.moment} s {first} came first")
    await h.let_pass(h.moment)
    await _new_comes_first(h, layer, channel)


@case(4, "A channel that was full of expired messages refuses again when it is full")
async def full_again(h: Harness) -> None:
    layer, channel = h.make(expiry=2 * h.moment, capacity=3), fresh("work")
    await _fill(h, layer, channel)
    await h.let_pass(2 * h.moment)
    for _ in range(3):
        await send_when_room(h, layer, channel, NEW, EXPIRED)
    try:
        with expect_raises(channel_full_errors(), "ChannelFull tells of a full channel"):
            await layer.send(channel, NEW)
    except AssertionError as error:
        raise TooSlow(str(error)) from error
