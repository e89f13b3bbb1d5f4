"""The verbs and attributes of the contract that no other module is about."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable

from fairway.errors import LayerClosed

from ..case import case
from ..checks import (
    NotApplicable,
    both_kinds,
    cancel,
    channel_full_errors,
    eventually_equal,
    expect_raises,
    fresh,
    in_thread,
    nothing_more,
    receive,
    require,
    require_equal,
    within,
)
from ..harness import Harness, Layer

SPECIFIC = re.compile(r"^[a-zA-Z0-9._-]+\.(?P<node>[a-zA-Z0-9_-]+)!(?P<local>[a-zA-Z0-9._-]+)$")


def node_of(channel: str) -> str:
    """The node id in a process-specific channel's name."""
    match = SPECIFIC.match(channel)
    require(match, f"new_channel gave {channel!r}, which is not 'prefix.node!local'")
    return match["node"] if match else ""


@case(0, "A layer is made without an event loop, and shows expiry, group_expiry and capacity")
async def attributes(h: Harness) -> None:
    layer = await in_thread(lambda: h.make(expiry=30, group_expiry=300, capacity=7))
    shown = (layer.expiry, layer.group_expiry, layer.capacity)
    require_equal(shown, (30, 300, 7), "expiry, group_expiry and capacity as configured")


@case(0, "The extensions are groups, flush and statistics")
async def extensions(h: Harness) -> None:
    require_equal(list(h.make().extensions), ["groups", "flush", "statistics"], "extensions")


@case(0, "ChannelFull and MessageTooLarge are attributes of the layer")
async def error_attributes(h: Harness) -> None:
    layer = h.make()
    for error in (layer.ChannelFull, layer.MessageTooLarge):
        require(issubclass(error, Exception), f"{error!r} is not an exception class")


@case(0, "`except channels.exceptions.ChannelFull` catches a full channel")
async def caught_as_channels_error(h: Harness) -> None:
    try:
        from channels.exceptions import ChannelFull  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise NotApplicable("channels is not installed") from None
    layer, channel = h.make(capacity=1), fresh("work")
    await layer.send(channel, {"n": 0})
    with expect_raises(ChannelFull, "Channels' ChannelFull tells of a full channel"):
        await layer.send(channel, {"n": 1})


@case(0, "10,000 new channels all have different names")
async def new_channels_differ(h: Harness) -> None:
    layer = h.make()
    names = {await layer.new_channel() for _ in range(10_000)}
    require_equal(len(names), 10_000, "different names among 10,000 new channels")


@case(0, "A new channel is named prefix.node!local, with one node for a layer, and is valid")
async def new_channel_names(h: Harness) -> None:
    layer = h.make()
    plain = await layer.new_channel()
    prefixed = await layer.new_channel("http.response")
    by_keyword = await layer.new_channel(prefix="chat")
    require(plain.startswith("specific."), f"{plain!r} doesn't begin with 'specific.'")
    require(prefixed.startswith("http.response."), f"{prefixed!r} doesn't begin with its prefix")
    require(by_keyword.startswith("chat."), f"{by_keyword!r} doesn't begin with its prefix")
    require_equal(len({node_of(c) for c in (plain, prefixed, by_keyword)}), 1, "nodes of a layer")
    layer.require_valid_channel_name(prefixed)


@case(0, "Two nodes have different node ids", needs=("second_node",))
async def nodes_differ(h: Harness) -> None:
    layer = h.make()
    mine, other = await layer.new_channel(), await h.second(layer).new_channel()
    require(node_of(mine) != node_of(other), f"two nodes share the id {node_of(mine)}")


@case(0, "A node may not receive on another node's channel", needs=("second_node",))
async def foreign_receive(h: Harness) -> None:
    layer = h.make()
    channel = await h.second(layer).new_channel()
    for call in (layer.receive(channel), layer.receive_many([fresh("work"), channel])):
        with expect_raises(TypeError, "InvalidName tells who receives on another node's channel"):
            await within(h.patience, call, f"receiving on another node's {channel} waits for ever")


@case(0, "flush removes every waiting message and every group")
async def flush_removes(h: Harness) -> None:
    layer = h.make()
    channel, work, group = await layer.new_channel(), fresh("work"), fresh("chat")
    await layer.group_add(group, channel)
    for name in (channel, work):
        await layer.send(name, {"text": "old"})
    await layer.flush()
    await layer.group_send(group, {"text": "to a group that is gone"})
    for name in (channel, work):
        await layer.send(name, {"text": "new"})
        require_equal(await receive(h, layer, name), {"text": "new"}, "first message after flush")
        await nothing_more(h, layer, name, "flush left something behind")


@case(0, "A receive that waits during flush receives what is sent afterwards")
async def flush_keeps_receivers(h: Harness) -> None:
    layer = h.make()
    channel, work = await layer.new_channel(), fresh("work")
    waiting = [asyncio.ensure_future(layer.receive(name)) for name in (channel, work)]
    await asyncio.wait(waiting, timeout=h.settle)
    await layer.flush()
    for name, task in zip((channel, work), waiting, strict=True):
        await layer.send(name, {"to": name})
        message = await within(h.patience, task, f"flush left a receive on {name} without messages")
        require_equal(message, {"to": name}, "message after flush")


@case(0, "close may be called twice")
async def close_twice(h: Harness) -> None:
    layer = h.make()
    await layer.send(fresh("work"), {})
    await layer.close()
    await layer.close()


@case(0, "A closed layer raises LayerClosed from every verb, or works again from all of them")
async def closed(h: Harness) -> None:
    layer = h.make()
    await layer.close()
    try:
        channel = await layer.new_channel()
    except LayerClosed:
        await _all_refuse(h, layer)
    else:
        await _works(h, layer, channel)


async def _works(h: Harness, layer: Layer, channel: str) -> None:
    group = fresh("chat")
    await layer.send(channel, {"n": 1})
    require_equal(await receive(h, layer, channel), {"n": 1}, "message after close")
    await layer.group_add(group, channel)
    await layer.group_send(group, {"n": 2})
    require_equal(await receive(h, layer, channel), {"n": 2}, "group message after close")


async def _all_refuse(h: Harness, layer: Layer) -> None:
    channel, group = fresh("work"), fresh("chat")
    verbs: dict[str, Awaitable[object]] = {
        "send": layer.send(channel, {}),
        "receive": layer.receive(channel),
        "receive_many": layer.receive_many([channel]),
        "group_add": layer.group_add(group, channel),
        "group_discard": layer.group_discard(group, channel),
        "group_send": layer.group_send(group, {}),
    }
    for name, call in verbs.items():
        with expect_raises(LayerClosed, f"LayerClosed tells who calls {name} after close"):
            await within(h.patience, call, f"{name} waits for ever after close")


@case(0, "A receive that waits when its layer is closed raises LayerClosed")
async def closed_while_waiting(h: Harness) -> None:
    layer = h.make()
    waiting = asyncio.ensure_future(layer.receive(fresh("work")))
    try:
        await asyncio.wait({waiting}, timeout=h.settle)
        await layer.close()
        with expect_raises(LayerClosed, "LayerClosed tells whoever waits when a layer closes"):
            await within(h.patience, waiting, "a receive waits on a closed layer for ever")
    finally:
        await cancel(waiting)


@case(0, "group_channels lists a group's channels")
async def group_channels(h: Harness) -> None:
    layer = h.make()
    group, channels = fresh("chat"), [*await both_kinds(layer), *await both_kinds(layer)]
    require_equal(await layer.group_channels(group), [], "channels of an unknown group")
    for channel in channels * 2:
        await layer.group_add(group, channel)

    async def listed() -> list[str]:
        return sorted(await layer.group_channels(group))

    await eventually_equal(h, listed, sorted(channels), "group_channels after group_add")
    await layer.group_discard(group, channels[0])
    await eventually_equal(h, listed, sorted(channels[1:]), "group_channels after group_discard")


@case(0, "ChannelFull names the channel")
async def channel_full_names_channel(h: Harness) -> None:
    layer, channel = h.make(capacity=1), fresh("work")
    await layer.send(channel, {})
    with expect_raises(channel_full_errors(), "ChannelFull tells of a full channel") as raised:
        await layer.send(channel, {})
    require(channel in str(raised.error), f"'{raised.error}' doesn't name {channel}")
