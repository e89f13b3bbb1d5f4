"""What a layer says of itself."""

from __future__ import annotations

from typing import Any

from ..case import case
from ..checks import (
    channel_full_errors,
    eventually,
    eventually_equal,
    expect_raises,
    fresh,
    receive,
    receive_count,
    require,
    require_equal,
)
from ..harness import Harness, Layer

KEYS = {
    "messages_count",
    "messages_count_per_second",
    "messages_pending",
    "messages_max_age",
    "channel_full_count",
    "drops",
}
CAUSES = {"expired", "over_capacity", "reader_died", "undecodable"}


async def _both(layer: Layer, channel: str) -> list[dict[str, Any]]:
    return [await layer.global_statistics(), await layer.channel_statistics(channel)]


@case(0, "Statistics have the keys of the contract, and count drops by cause")
async def keys(h: Harness) -> None:
    layer = h.make()
    for counted in await _both(layer, fresh("work")):
        require(counted.keys() >= KEYS, f"statistics lack {sorted(KEYS - counted.keys())}")
        causes = set(counted["drops"])
        require(causes >= CAUSES, f"drops lack {sorted(CAUSES - causes)}")
        for key in KEYS - {"drops", "messages_max_age"}:
            require(counted[key] >= 0, f"{key} is {counted[key]!r}")
    require({"groups", "channels"} <= set(await layer.global_statistics()), "groups and channels")


@case(0, "messages_count counts each message once")
async def count(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    before = [counted["messages_count"] for counted in await _both(layer, channel)]
    for n in range(3):
        await layer.send(channel, {"n": n})
    await receive_count(h, layer, channel, 3)

    async def counted() -> list[int]:
        after = [counted["messages_count"] for counted in await _both(layer, channel)]
        return [new - old for new, old in zip(after, before, strict=True)]

    await eventually_equal(h, counted, [3, 3], "messages_count, of the layer and of the channel")


@case(0, "messages_pending counts the messages that wait")
async def pending(h: Harness) -> None:
    layer = h.make()
    for channel in (fresh("work"), await layer.new_channel()):

        async def waiting(channel: str = channel) -> list[int]:
            return [counted["messages_pending"] for counted in await _both(layer, channel)]

        for n in range(3):
            await layer.send(channel, {"n": n})
        await eventually_equal(h, waiting, [3, 3], "messages_pending with three waiting")
        await receive(h, layer, channel)
        await eventually_equal(h, waiting, [2, 2], "messages_pending after one was received")
        await receive_count(h, layer, channel, 2)
        await eventually_equal(h, waiting, [0, 0], "messages_pending after all were received")


@case(0, "messages_max_age is the age in seconds of the oldest message that waits")
async def max_age(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    await layer.send(channel, {})
    await h.let_pass(h.moment)

    async def old_enough() -> bool:
        return all(s["messages_max_age"] >= h.moment * 0.9 for s in await _both(layer, channel))

    await eventually(h, old_enough, f"messages_max_age of a {h.moment} s old message is less")


@case(0, "channel_full_count counts the refusals of a full channel")
async def full_count(h: Harness) -> None:
    layer, channel = h.make(capacity=1), fresh("work")
    before = [counted["channel_full_count"] for counted in await _both(layer, channel)]
    await layer.send(channel, {})
    for _ in range(2):
        with expect_raises(channel_full_errors(), "ChannelFull tells of a full channel"):
            await layer.send(channel, {})

    async def counted() -> list[int]:
        after = [counted["channel_full_count"] for counted in await _both(layer, channel)]
        return [new - old for new, old in zip(after, before, strict=True)]

    await eventually_equal(h, counted, [2, 2], "channel_full_count, of the layer and the channel")


@case(0, "Global statistics count the groups, and the channels with messages waiting")
async def groups_and_channels(h: Harness) -> None:
    layer = h.make()
    before = await layer.global_statistics()
    groups, channel = [fresh("chat"), fresh("chat")], await layer.new_channel()
    for group in groups:
        await layer.group_add(group, channel)
    for work in (fresh("work"), fresh("work"), channel):
        await layer.send(work, {})

    async def counted() -> tuple[int, int]:
        after = await layer.global_statistics()
        return after["groups"] - before["groups"], after["channels"] - before["channels"]

    await eventually_equal(h, counted, (2, 3), "groups, and channels with messages waiting")
    await layer.group_discard(groups[0], channel)
    await receive(h, layer, channel)
    await eventually_equal(h, counted, (1, 2), "groups and channels after one of each ended")


@case(0, "A second node sees the store's messages and groups", needs=("second_node",))
async def from_second_node(h: Harness) -> None:
    layer, channel, group = h.make(), fresh("work"), fresh("chat")
    other = h.second(layer)
    before = (await other.global_statistics())["groups"]
    await layer.group_add(group, channel)
    await layer.send(channel, {})

    async def counted() -> tuple[int, int]:
        groups = (await other.global_statistics())["groups"] - before
        return groups, (await other.channel_statistics(channel))["messages_pending"]

    await eventually_equal(h, counted, (1, 1), "groups and messages_pending on a second node")


@case(0, "Statistics refuse a bad channel name")
async def bad_name(h: Harness) -> None:
    layer = h.make()
    with expect_raises(TypeError, "InvalidName tells of a bad name"):
        await layer.channel_statistics("no spaces")
    require_equal((await layer.channel_statistics(fresh("work")))["messages_pending"], 0, "pending")
