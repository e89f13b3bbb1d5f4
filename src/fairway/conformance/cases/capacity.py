"""Promise 5: `send` refuses at `capacity`, `group_send` never does, and no channel fills another.

A process-specific channel is bounded where its node keeps it, so a sender may learn that it is
full only a little later; what was accepted meanwhile is received or counted.
"""

from __future__ import annotations

import asyncio
import re
import time

from ..case import case
from ..checks import (
    cancel,
    channel_full_errors,
    drops,
    eventually,
    expect_raises,
    fresh,
    receive,
    receive_count,
    require,
    require_equal,
    send_when_room,
)
from ..harness import Harness, Layer

REFUSED = "ChannelFull tells of a full channel"


async def _takes_exactly(layer: Layer, channel: str, capacity: int) -> None:
    for _ in range(capacity):
        await layer.send(channel, {})
    with expect_raises(channel_full_errors(), f"{REFUSED} when {channel} holds {capacity}"):
        await layer.send(channel, {})


async def _accepted_until_full(h: Harness, layer: Layer, channel: str) -> int:
    accepted = 0

    async def refused() -> bool:
        nonlocal accepted
        try:
            await layer.send(channel, {"n": accepted})
        except channel_full_errors():
            return True
        accepted += 1
        return False

    await eventually(h, refused, f"{channel} was never full, however much was sent")
    return accepted


@case(5, "A normal channel takes `capacity` messages, and refuses the next with ChannelFull")
async def exact(h: Harness) -> None:
    for capacity in (1, 5):
        await _takes_exactly(h.make(capacity=capacity), fresh("work"), capacity)


@case(5, "All nodes together have one capacity", needs=("second_node",))
async def across_nodes(h: Harness) -> None:
    layer, channel = h.make(capacity=4), fresh("work")
    other = h.second(layer)
    for node in (layer, other, layer, other):
        await node.send(channel, {})
    for node in (layer, other):
        with expect_raises(channel_full_errors(), f"{REFUSED}, whichever node sends"):
            await node.send(channel, {})


@case(5, "What a closing node gives back still counts", needs=("second_node",))
async def of_node_that_closed(h: Harness) -> None:
    layer, channel = h.make(capacity=8), fresh("work")
    for _ in range(4):
        leaver = h.second(layer)
        await _make_both_read_ahead(h, layer, leaver, channel)
        accepted = await _accepted_until_full(h, layer, channel)
        await leaver.close()
        # Until a message fits: an acknowledgement may have been on its way.
        accepted += await _accepted_until_full(h, layer, channel)
        require(accepted <= 8, f"{channel} took {accepted} messages with a capacity of 8")
        await receive_count(h, layer, channel, accepted)


async def _make_both_read_ahead(h: Harness, one: Layer, other: Layer, channel: str) -> None:
    for _ in range(10):
        for _ in range(2):
            await send_when_room(h, one, channel, {})
        left = 2

        async def received() -> bool:
            nonlocal left
            for layer in (one, other):
                found, _ = await layer.receive_many([channel], timeout=0)
                left -= found is not None
            return left == 0

        await eventually(h, received, f"2 messages to {channel} don't reach its 2 readers")


@case(5, "A process-specific channel refuses too; what it took is received or counted")
async def specific(h: Harness) -> None:
    layer = h.make(capacity=5)
    channel = await layer.new_channel()
    await _refuses_and_accounts(h, layer, layer, channel)


@case(
    5,
    "A sender on another node is refused by a full process-specific channel",
    needs=("second_node",),
)
async def specific_from_other_node(h: Harness) -> None:
    layer = h.make(capacity=5)
    await _refuses_and_accounts(h, layer, h.second(layer), await layer.new_channel())


async def _refuses_and_accounts(h: Harness, layer: Layer, sender: Layer, channel: str) -> None:
    accepted = await _accepted_until_full(h, sender, channel)
    require(accepted >= 5, f"{channel} took {accepted} messages with a capacity of 5")
    numbers = [message["n"] for message in await receive_count(h, layer, channel, 5)]
    require_equal(numbers, list(range(5)), "the messages that the channel had room for")
    await _rest_is_counted(h, layer, channel, accepted - 5)


async def _rest_is_counted(h: Harness, layer: Layer, channel: str, rest: int) -> None:
    if rest == 0:
        return
    received = 0

    async def accounted() -> bool:
        nonlocal received
        found, _ = await layer.receive_many([channel], timeout=0)
        received += found is not None
        return received + await drops(layer, "over_capacity") == rest

    await eventually(h, accounted, f"{rest} accepted messages were neither received nor counted")


@case(5, "A full channel has room again after one message is received")
async def room_again(h: Harness) -> None:
    layer = h.make(capacity=3)
    for channel in (fresh("work"), await layer.new_channel()):
        await _accepted_until_full(h, layer, channel)
        await receive(h, layer, channel)
        await send_when_room(h, layer, channel, {})


@case(5, "channel_capacity sets the capacity of channels by glob")
async def by_glob(h: Harness) -> None:
    layer = h.make(capacity=5, channel_capacity={"bulk.*": 2, "http.response.*": 3})
    await _takes_exactly(layer, fresh("bulk.mail"), 2)
    await _takes_exactly(layer, fresh("bulk"), 5)
    response = await layer.new_channel("http.response")
    for _ in range(3):
        await layer.send(response, {})
    await _accepted_until_full(h, layer, response)


@case(5, "channel_capacity sets the capacity of channels by compiled regular expression")
async def by_regex(h: Harness) -> None:
    pattern = re.compile(r"^bulk\.[a-z]+")
    layer = h.make(capacity=5, channel_capacity={pattern: 2})
    await _takes_exactly(layer, fresh("bulk.mail"), 2)
    await _takes_exactly(layer, fresh("bulk.7"), 5)


@case(5, "Of several patterns in channel_capacity the first match wins")
async def first_match(h: Harness) -> None:
    patterns = {"bulk.mail*": 2, re.compile("^bulk"): 3, "*": 4}
    layer = h.make(capacity=5, channel_capacity=patterns)
    await _takes_exactly(layer, fresh("bulk.mail"), 2)
    await _takes_exactly(layer, fresh("bulk.sms"), 3)
    await _takes_exactly(layer, fresh("work"), 4)


@case(5, "group_send never raises ChannelFull, and the other members are served")
async def group_send_on_full(h: Harness) -> None:
    layer, group = h.make(capacity=2), fresh("chat")
    full, specific, reader = fresh("work"), await layer.new_channel(), await layer.new_channel()
    for channel in (full, specific, reader):
        await layer.group_add(group, channel)
    for channel in (full, specific):
        await _accepted_until_full(h, layer, channel)
    for n in range(5):
        await layer.group_send(group, {"n": n})
        require_equal(await receive(h, layer, reader), {"n": n}, "message to the member with room")


@case(2, 'A group message for a full member is counted in drops as "over_capacity"')
async def group_drops_counted(h: Harness) -> None:
    layer, group = h.make(capacity=2), fresh("chat")
    before = await drops(layer, "over_capacity")
    members = [fresh("work"), await layer.new_channel()]
    for channel in members:
        await layer.group_add(group, channel)
    for n in range(5):
        await layer.group_send(group, {"n": n})

    async def counted() -> bool:
        return await drops(layer, "over_capacity") - before == 2 * 3

    await eventually(
        h, counted, "drops['over_capacity'] isn't 6 after 5 messages to 2 members of 2"
    )
    for channel in members:
        # Sorted, since a normal channel's messages may come by way of several servers.
        got = sorted(message["n"] for message in await receive_count(h, layer, channel, 2))
        require_equal(got, [0, 1], "the messages that a full member kept")


@case(5, "A channel that group messages filled refuses a send")
async def filled_by_group(h: Harness) -> None:
    layer, group = h.make(capacity=3), fresh("chat")
    for channel in (fresh("work"), await layer.new_channel()):
        await layer.group_add(group, channel)
        for _ in range(3):
            await layer.group_send(group, {})
        await _accepted_until_full(h, layer, channel)
        await layer.group_discard(group, channel)


@case(5, "A channel that group messages filled takes messages again once they were read")
async def read_after_group(h: Harness) -> None:
    layer, group = h.make(capacity=3), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    reading = asyncio.ensure_future(_read_on(layer, channel))
    try:
        # A layer may treat a loop that stays otherwise than one that has just begun.
        end = time.monotonic() + 2
        while time.monotonic() < end:
            await asyncio.gather(*[layer.group_send(group, {}) for _ in range(30)])
            await asyncio.sleep(h.moment / 10)
        for _ in range(10):
            await send_when_room(h, layer, channel, {})
    finally:
        await cancel(reading)


async def _read_on(layer: Layer, channel: str) -> None:
    while True:
        await layer.receive(channel)


@case(5, "One slow consumer doesn't fill its process: other channels of its node work on")
async def slow_consumer(h: Harness) -> None:
    layer, group = h.make(capacity=5), fresh("chat")
    slow, lively = await layer.new_channel(), await layer.new_channel()
    for channel in (slow, lively):
        await layer.group_add(group, channel)
    await _accepted_until_full(h, layer, slow)
    for n in range(200):
        await layer.group_send(group, {"n": n})
        await layer.send(lively, {"n": n})
        for _ in range(2):
            require_equal(await receive(h, layer, lively), {"n": n}, "message beside a slow one")


@case(5, "A slow consumer doesn't stop what another node sends to its node", needs=("second_node",))
async def slow_consumer_of_other_node(h: Harness) -> None:
    layer = h.make(capacity=5)
    other = h.second(layer)
    slow, lively = await layer.new_channel(), await layer.new_channel()
    await _accepted_until_full(h, other, slow)
    for n in range(50):
        # What was received a moment ago may still be counted where others look.
        await send_when_room(h, other, lively, {"n": n})
        require_equal(await receive(h, layer, lively), {"n": n}, "message beside a slow one")
