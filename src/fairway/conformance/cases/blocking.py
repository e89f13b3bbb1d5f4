"""`layer.blocking`: the contract for threads and plain scripts."""

from __future__ import annotations

import asyncio
from collections import Counter

from ..case import case
from ..checks import (
    channel_full_errors,
    eventually,
    expect_raises,
    fresh,
    in_thread,
    receive,
    receive_count,
    require,
    require_equal,
    within,
    woken_by,
)
from ..harness import Harness

STUCK = "a call of layer.blocking did not return"

#: How often messages and a flush follow one another, so that threads meet in every way.
_FLUSHES = 50


@case(0, "A thread without asyncio makes a channel, sends and receives")
async def round_trip(h: Harness) -> None:
    face = h.make().blocking

    def use() -> list[object]:
        channel = face.new_channel()
        specific = face.new_channel("chat")
        for n, name in enumerate((channel, specific)):
            face.send(name, {"n": n})
        many = face.receive_many([specific], block=True)
        require_equal(tuple(many), (specific, {"n": 1}), "blocking receive_many")
        return [face.receive(channel), specific.startswith("chat.")]

    got = await within(h.patience, in_thread(use), STUCK)
    require_equal(got, [{"n": 0}, True], "blocking receive, and new_channel's prefix")


@case(0, "Blocking receive_many gives (None, None) at once when nothing is there")
async def poll(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    face = layer.blocking

    def look() -> tuple[object, ...]:
        return tuple(face.receive_many([channel]))

    nothing = await within(h.patience, in_thread(look), STUCK)
    require_equal(nothing, (None, None), "blocking receive_many on an empty channel")
    await layer.send(channel, {"n": 1})

    async def found() -> bool:
        return await in_thread(look) == (channel, {"n": 1})

    await eventually(h, found, "blocking receive_many never found the message")


@case(0, "A script that empties a normal channel without waiting gets all of it")
async def drained(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    for n in range(20):
        await layer.send(channel, {"n": n})

    def drain() -> list[int]:
        face, got = h.second(layer).blocking if "second_node" in h.can else layer.blocking, []
        while (message := face.receive_many([channel])[1]) is not None:
            got.append(message["n"])
        return sorted(got)

    got = await within(4 * h.patience, in_thread(drain), STUCK)
    require_equal(got, list(range(20)), "messages that were there")


@case(0, "A blocking receive is woken by a send on a loop, and the other way round")
async def across(h: Harness) -> None:
    layer = h.make()
    channel, back = await layer.new_channel(), await layer.new_channel()
    waiting = asyncio.ensure_future(in_thread(layer.blocking.receive, channel))
    await asyncio.wait({waiting}, timeout=h.settle)
    await layer.send(channel, {"n": 1})
    require_equal(await within(h.patience, waiting, STUCK), {"n": 1}, "blocking receive")
    answer = asyncio.ensure_future(layer.receive(back))
    sentence = "a blocking send did not wake a receive"
    got = await woken_by(h, answer, sentence, layer.blocking.send, back, {"n": 2})
    require_equal(got, {"n": 2}, "message of a blocking send")


@case(0, "Groups work from a thread; send_group is group_send")
async def groups(h: Harness) -> None:
    layer = h.make()
    channel, group, face = await layer.new_channel(), fresh("chat"), layer.blocking

    def use() -> list[str]:
        face.group_add(group, channel)
        face.group_send(group, {"n": 1})
        face.send_group(group, {"n": 2})
        members: list[str] = face.group_channels(group)
        face.group_discard(group, channel)
        face.group_send(group, {"n": "after group_discard"})
        face.send(channel, {"n": 3})
        return members

    require_equal(await within(h.patience, in_thread(use), STUCK), [channel], "group_channels")
    got = sorted(message["n"] for message in await receive_count(h, layer, channel, 3))
    require_equal(got, [1, 2, 3], "messages from the thread")


@case(0, "A thread is told by the same errors")
async def errors(h: Harness) -> None:
    layer, channel = h.make(capacity=1), fresh("work")
    face = layer.blocking

    def use() -> None:
        face.send(channel, {})
        with expect_raises(channel_full_errors(), "ChannelFull tells of a full channel"):
            face.send(channel, {})
        with expect_raises(TypeError, "InvalidName tells of a bad name"):
            face.send("no spaces", {})
        with expect_raises(TypeError, "InvalidMessage tells of a bad value"):
            face.send(fresh("work"), {"value": object()})

    await within(h.patience, in_thread(use), STUCK)


@case(0, "flush and the statistics work from a thread")
async def flush_and_statistics(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    face = layer.blocking

    def use() -> tuple[set[str], set[str]]:
        face.send(channel, {"text": "old"})
        counted = set(face.global_statistics()), set(face.channel_statistics(channel))
        face.flush()
        face.send(channel, {"text": "new"})
        return counted

    for keys in await within(h.patience, in_thread(use), STUCK):
        require("messages_count" in keys, f"statistics have no messages_count but {sorted(keys)}")
    require_equal(await receive(h, layer, channel), {"text": "new"}, "message after flush")


@case(0, "What was sent before a flush is not received after it")
async def flush_is_final(h: Harness) -> None:
    layer, work = h.make(), fresh("work")
    face = layer.blocking

    def use() -> str | None:
        channel = face.new_channel()
        for n in range(_FLUSHES):
            for name in (channel, work):
                face.send(name, {"n": n})
            face.flush()
            name, _ = face.receive_many([channel, work])
            if name is not None:
                return str(name)
        return None

    left = await within(4 * h.patience, in_thread(use), STUCK)
    require(left is None, f"a message sent to {left} before a flush was received after it")


@case(0, "Many threads share the blocking face, and nothing is lost or doubled")
async def many_threads(h: Harness) -> None:
    layer, channel = h.make(capacity=1000), fresh("work")
    face, threads, each = layer.blocking, 4, 25

    def work(thread: int) -> list[str]:
        for n in range(each):
            face.send(channel, {"id": f"{thread}.{n}"})
        return [face.receive(channel)["id"] for _ in range(each)]

    running = asyncio.gather(*(in_thread(work, thread) for thread in range(threads)))
    results = await within(3 * h.patience, running, STUCK)
    expected = Counter(f"{thread}.{n}" for thread in range(threads) for n in range(each))
    require_equal(Counter(i for ids in results for i in ids), expected, "messages of all threads")
