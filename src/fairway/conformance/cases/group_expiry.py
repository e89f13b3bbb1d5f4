"""Promise 6, in time: membership ends `group_expiry` seconds after the last `group_add`."""

from __future__ import annotations

from ..case import case
from ..checks import (
    TooSlow,
    both_kinds,
    eventually_equal,
    fresh,
    nothing_more,
    receive,
    require_equal,
)
from ..harness import Harness, Layer


@case(6, "A membership ends group_expiry seconds after it began")
async def ends(h: Harness) -> None:
    layer, group = h.make(group_expiry=h.moment), fresh("chat")
    channels = await both_kinds(layer)
    for channel in channels:
        await layer.group_add(group, channel)
    await h.let_pass(h.moment)
    await layer.group_send(group, {"text": "too late"})
    for channel in channels:
        await layer.send(channel, {"text": "direct"})
        require_equal(await receive(h, layer, channel), {"text": "direct"}, "first message")
        await nothing_more(h, layer, channel, "a member received after its membership ended")


@case(6, "A membership that ended is not listed")
async def not_listed(h: Harness) -> None:
    layer, group = h.make(group_expiry=h.moment), fresh("chat")
    for channel in await both_kinds(layer):
        await layer.group_add(group, channel)
    await h.let_pass(h.moment)

    async def listed() -> list[str]:
        return list(await layer.group_channels(group))

    await eventually_equal(h, listed, [], "group_channels after group_expiry")


@case(6, "Another group_add renews a membership")
async def renewed(h: Harness) -> None:
    layer, group = h.make(group_expiry=4 * h.moment), fresh("chat")
    channels = await both_kinds(layer)
    for _ in range(3):
        for channel in channels:
            await layer.group_add(group, channel)
        await h.let_pass(2 * h.moment)
    for channel in channels:
        await _still_member(h, layer, group, channel)


async def _still_member(h: Harness, layer: Layer, group: str, channel: str) -> None:
    await layer.group_send(group, {"to": channel})
    try:
        await receive(h, layer, channel)
    except AssertionError as error:
        # On a busy machine the message may have come when the membership was over; a layer that
        # ends it early does so however long it is.
        raise TooSlow(str(error)) from error


@case(6, "With group_expiry=None a membership lasts as long as its owner lives")
async def never(h: Harness) -> None:
    layer, group = h.make(group_expiry=None), fresh("chat")
    channels = await both_kinds(layer)
    for channel in channels:
        await layer.group_add(group, channel)
    await h.let_pass(2 * h.moment)
    await layer.group_send(group, {"n": 1})
    for channel in channels:
        require_equal(await receive(h, layer, channel), {"n": 1}, "message to a lasting member")


@case(6, "A member reads on when another's membership ends")
async def others_stay(h: Harness) -> None:
    layer, group = h.make(group_expiry=4 * h.moment), fresh("chat")
    ending, staying = await layer.new_channel(), await layer.new_channel()
    await layer.group_add(group, ending)
    await h.let_pass(3 * h.moment)
    await layer.group_add(group, staying)
    await h.let_pass(h.moment)
    await _still_member(h, layer, group, staying)
    await nothing_more(h, layer, ending, "a member received after its membership ended")
