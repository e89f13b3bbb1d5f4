"""Promise 6: what is sent to a group reaches each member once, wherever it is."""

from __future__ import annotations

import asyncio

from ..case import case
from ..checks import (
    both_kinds,
    drops,
    eventually,
    eventually_equal,
    fresh,
    nothing_more,
    receive,
    require,
    require_equal,
    within,
)
from ..harness import Harness, Layer


async def _only_message(h: Harness, layer: Layer, channel: str, expected: object) -> None:
    require_equal(await receive(h, layer, channel), expected, f"message at member {channel}")
    await nothing_more(h, layer, channel, f"{channel} should have received one message")


@case(6, "A group message reaches each member once, and nobody else")
async def each_member(h: Harness) -> None:
    layer, group, other_group = h.make(), fresh("chat"), fresh("chat")
    members, outsider = [*await both_kinds(layer), *await both_kinds(layer)], fresh("work")
    for channel in members:
        await layer.group_add(group, channel)
    await layer.group_add(other_group, outsider)
    await layer.group_send(group, {"n": 1})
    for channel in members:
        await _only_message(h, layer, channel, {"n": 1})
    await nothing_more(h, layer, outsider, "a channel that is no member received")


@case(6, "group_add is idempotent: a member that was added twice receives once")
async def added_twice(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    for channel in await both_kinds(layer):
        for _ in range(3):
            await layer.group_add(group, channel)
        await layer.group_send(group, {"n": 1})
        await _only_message(h, layer, channel, {"n": 1})
        await layer.group_discard(group, channel)
        await layer.group_send(group, {"n": 2})
        await nothing_more(h, layer, channel, "one group_discard should undo several group_adds")


@case(6, "group_discard ends a membership, and of that group only")
async def discarded(h: Harness) -> None:
    layer, left, kept = h.make(), fresh("chat"), fresh("chat")
    for channel in await both_kinds(layer):
        for group in (left, kept):
            await layer.group_add(group, channel)
        await layer.group_discard(left, channel)
        await layer.group_send(left, {"group": "left"})
        await layer.group_send(kept, {"group": "kept"})
        await _only_message(h, layer, channel, {"group": "kept"})
        await layer.group_discard(kept, channel)


@case(6, "An unknown group, and group_discard of one who is no member, are quiet")
async def unknown(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_send(fresh("nobody"), {})
    await layer.group_discard(fresh("nobody"), channel)
    await layer.group_add(group, channel)
    await layer.group_discard(group, await layer.new_channel())
    await layer.group_send(group, {"n": 1})
    await _only_message(h, layer, channel, {"n": 1})


@case(6, "A member may leave and come back")
async def back_again(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    for channel in await both_kinds(layer):
        await layer.group_add(group, channel)
        await layer.group_discard(group, channel)
        await layer.group_add(group, channel)
        await layer.group_send(group, {"n": 1})
        await _only_message(h, layer, channel, {"n": 1})
        await layer.group_discard(group, channel)


@case(6, "A group message reaches each of 500 members once")
async def large(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    members = [await layer.new_channel() for _ in range(500)]
    await asyncio.gather(*(layer.group_add(group, member) for member in members))
    for n in range(2):
        await layer.group_send(group, {"n": n})
    for member in members:
        got = [await receive(h, layer, member) for _ in range(2)]
        require_equal(got, [{"n": 0}, {"n": 1}], f"messages at member {member}")
    await nothing_more(h, layer, members[0], "two messages were sent")


@case(6, "A group message wakes every member that waits")
async def all_woken(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    members = [*[await layer.new_channel() for _ in range(50)], fresh("work"), fresh("work")]
    for member in members:
        await layer.group_add(group, member)
    waiting = [asyncio.ensure_future(layer.receive(member)) for member in members]
    await asyncio.wait(waiting, timeout=h.settle)
    await layer.group_send(group, {"n": 1})
    woken = asyncio.gather(*waiting)
    got = await within(h.patience, woken, "a group message left some waiting members asleep")
    require_equal(got, [{"n": 1}] * len(members), "messages of the members that waited")


@case(6, "A channel may be in many groups")
async def many_groups(h: Harness) -> None:
    layer = h.make(capacity=200)
    channel, groups = await layer.new_channel(), [fresh("chat") for _ in range(100)]
    for group in groups:
        await layer.group_add(group, channel)
    for group in groups:
        await layer.group_send(group, {"group": group})
    got = sorted([(await receive(h, layer, channel))["group"] for _ in groups])
    require_equal(got, sorted(groups), "groups whose messages arrived")


@case(6, "Members may come and go while a message is sent to their group")
async def changing_meanwhile(h: Harness) -> None:
    layer, group = h.make(capacity=1000), fresh("chat")
    members = [await layer.new_channel() for _ in range(20)]
    staying = await layer.new_channel()
    await layer.group_add(group, staying)

    async def come_and_go(member: str) -> None:
        for n in range(5):
            await layer.group_add(group, member)
            await layer.group_send(group, {"n": n})
            await layer.group_discard(group, member)

    await asyncio.gather(*(come_and_go(member) for member in members))
    got = sorted([(await receive(h, layer, staying))["n"] for _ in range(100)])
    require_equal(got, sorted(list(range(5)) * 20), "messages at the member that stayed")
    await nothing_more(h, layer, staying, "each message should arrive once")


@case(6, "A group reaches members of other nodes, whoever sends", needs=("second_node",))
async def members_on_two_nodes(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    other = h.second(layer)
    homes = [(node, await node.new_channel()) for node in (layer, other, layer, other)]
    for node, channel in homes:
        await node.group_add(group, channel)
    for sender in (layer, other):
        await sender.group_send(group, {"n": 1})
        for node, channel in homes:
            await _only_message(h, node, channel, {"n": 1})
    members = sorted(channel for _, channel in homes)
    for node in (layer, other):

        async def listed(node: Layer = node) -> list[str]:
            return sorted(await node.group_channels(group))

        await eventually_equal(h, listed, members, "group_channels on a node")


@case(
    6,
    "A channel of another process can be added to a group, and discarded from it",
    needs=("second_node",),
)
async def added_from_elsewhere(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    other = h.second(layer)
    channel = await layer.new_channel()
    await other.group_add(group, channel)
    for n, sender in enumerate((layer, other)):
        await sender.group_send(group, {"n": n})
        await _only_message(h, layer, channel, {"n": n})
    await other.group_discard(group, channel)
    for sender in (layer, other):
        await sender.group_send(group, {"n": "after group_discard"})
    await nothing_more(h, layer, channel, "a discarded member received")


@case(6, "A member that its own node and another added receives once", needs=("second_node",))
async def added_from_both(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    other = h.second(layer)
    channel = await layer.new_channel()
    for node in (layer, other, layer):
        await node.group_add(group, channel)
    await other.group_send(group, {"n": 1})
    await _only_message(h, layer, channel, {"n": 1})
    await layer.group_discard(group, channel)
    await other.group_send(group, {"n": 2})
    await nothing_more(h, layer, channel, "a discarded member received")


@case(6, "The channels of a node that closes leave their groups", needs=("second_node",))
async def closing_node(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    other = h.second(layer)
    staying, leaving = await layer.new_channel(), await other.new_channel()
    for node, channel in ((layer, staying), (other, leaving)):
        await node.group_add(group, channel)
    await other.close()

    async def left() -> bool:
        return list(await layer.group_channels(group)) == [staying]

    await eventually(h, left, f"{leaving} of a closed node stays in its group", h.lease)


@case(6, "After the store lost its data, members are back within a heartbeat", needs=("wipe",))
async def store_lost(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    await h.wipe()

    async def reached() -> bool:
        await layer.group_send(group, {"n": 1})
        found, _ = await layer.receive_many([channel], timeout=h.settle)
        return found is not None

    await eventually(h, reached, "a group stayed lost after its store lost its data", h.lease)


@case(6, "A dead process leaves its groups when its lease lapses", needs=("dead_process",))
async def dead_process(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    channel = await h.dead_member(group)

    async def gone() -> bool:
        return channel not in await layer.group_channels(group)

    await eventually(h, gone, f"{channel} of a dead process stays in its group", h.lease)


@case(
    6,
    "Who sends to a dead process doesn't bring it back, to a group or to a normal channel",
    needs=("dead_process",),
)
async def dead_stays_dead(h: Harness) -> None:
    layer, name = h.make(), fresh("chat")
    channel = await h.dead_member(name)
    before = await drops(layer, "reader_died")
    await layer.send(channel, {})

    async def buried() -> bool:
        return await drops(layer, "reader_died") > before

    sentence = "a message for a dead process is not in drops['reader_died']"
    await eventually(h, buried, sentence, h.lease)
    await layer.send(channel, {})
    sentence = f"{channel} of a dead process is in its group again"
    require(channel not in await layer.group_channels(name), sentence)
    for n in range(20):
        await layer.send(name, {"n": n})
        require_equal(await receive(h, layer, name), {"n": n}, "message of a normal channel")


@case(
    2, 'Messages for a dead process are counted in drops as "reader_died"', needs=("dead_process",)
)
async def dead_reader_counted(h: Harness) -> None:
    layer = h.make()
    channel = await h.dead_member(fresh("chat"))
    before = await drops(layer, "reader_died")
    for n in range(3):
        await layer.send(channel, {"n": n})

    async def counted() -> bool:
        return await drops(layer, "reader_died") - before >= 3

    sentence = "three messages for a dead process are not in drops['reader_died']"
    await eventually(h, counted, sentence, h.lease)


@case(6, "A group lives for as long as it has a member")
async def last_member_left(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    first, second = await layer.new_channel(), await layer.new_channel()
    for channel in (first, second):
        await layer.group_add(group, channel)
    await layer.group_discard(group, first)
    await layer.group_send(group, {"n": 1})
    await _only_message(h, layer, second, {"n": 1})
    await layer.group_discard(group, second)

    async def listed() -> list[str]:
        return list(await layer.group_channels(group))

    await eventually_equal(h, listed, [], "group_channels after the last member left")


@case(6, "A channel that is forgotten leaves all its groups, and what waits in it is counted")
async def forgotten_channel(h: Harness) -> None:
    layer = h.make()
    groups, gone, stays = (
        [fresh("chat"), fresh("chat")],
        await layer.new_channel(),
        await layer.new_channel(),
    )
    for group in groups:
        for channel in (gone, stays):
            await layer.group_add(group, channel)
    before = await drops(layer, "reader_died")
    await layer.group_send(groups[0], {"n": 1})
    await _only_message(h, layer, stays, {"n": 1})
    for n in range(20):  # some are still on their way when the channel ends
        await layer.send(gone, {"n": n})
    await layer.forget_channel(gone)

    async def counted() -> int:
        return await drops(layer, "reader_died") - before

    await eventually_equal(h, counted, 21, "what waited in a forgotten channel, in drops")
    for group in groups:

        async def listed(group: str = group) -> list[str]:
            return list(await layer.group_channels(group))

        await eventually_equal(h, listed, [stays], "group_channels without a forgotten channel")
