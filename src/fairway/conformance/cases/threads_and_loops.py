"""Promise 9: one layer object serves many threads and event loops, and forked children."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from ..case import case
from ..checks import (
    NotApplicable,
    both_kinds,
    cancel,
    clean_log,
    fresh,
    in_thread,
    nothing_more,
    receive,
    receive_count,
    require,
    require_equal,
    send_when_room,
    within,
    woken_by,
)
from ..harness import Harness, Layer
from .interface import node_of

SENDERS, READERS, CHANNELS, EACH = 4, 4, 3, 40


@case(9, "A send from another thread's loop wakes a receive that waits in this one")
async def woken_across(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        waiting = asyncio.ensure_future(layer.receive(channel))
        sentence = "a send from another thread did not wake a receive"
        got = await woken_by(h, waiting, sentence, h.run, layer.send(channel, {"n": 1}))
        require_equal(got, {"n": 1}, "message from another thread")


def _raise_first(results: Iterable[object]) -> None:
    """Raises the first error of several tasks, now that all of them have ended."""
    for result in results:
        if isinstance(result, Exception):
            raise result


class Crowd:
    """Threads that each run a loop, sharing one layer: some send, some receive."""

    def __init__(self, h: Harness, layer: Layer, channels: list[str]) -> None:
        self.h, self.layer, self.channels = h, layer, channels
        everyone = [f"{thread}.{n}" for thread in range(SENDERS) for n in range(EACH)]
        self.sent = Counter((channel, i) for channel in channels for i in everyone)
        self.got: list[tuple[str, str]] = []
        self.deadline = time.monotonic() + 2 * h.patience

    async def send(self, thread: int) -> None:
        for n in range(EACH):
            for channel in self.channels:
                await send_when_room(self.h, self.layer, channel, {"id": f"{thread}.{n}"})

    async def read(self) -> None:
        """Reads every channel until the crowd has received everything."""
        tasks = [asyncio.ensure_future(self._read_on(channel)) for channel in self.channels]
        while self._goes_on() and not any(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=0.02)
        await asyncio.wait(tasks, timeout=self.h.settle)
        for task in tasks:
            await cancel(task)
        _raise_first([task.exception() for task in tasks if not task.cancelled()])

    def _goes_on(self) -> bool:
        return len(self.got) < self.sent.total() and time.monotonic() < self.deadline

    async def _read_on(self, channel: str) -> None:
        while True:
            message = await self.layer.receive(channel)
            self.got.append((channel, message["id"]))


@case(9, "Many threads with a loop each send and receive: all arrives, once, on its channel")
async def many_threads(h: Harness) -> None:
    layer = h.make(capacity=50)
    crowd = Crowd(h, layer, [fresh("work") for _ in range(CHANNELS)])
    readers = [in_thread(h.run, crowd.read()) for _ in range(READERS)]
    senders = [in_thread(h.run, crowd.send(thread)) for thread in range(SENDERS)]
    everyone = asyncio.gather(*readers, *senders, return_exceptions=True)
    sentence = "sending and receiving threads did not finish"
    _raise_first(await within(3 * h.patience, everyone, sentence))
    missing, extra = crowd.sent - Counter(crowd.got), Counter(crowd.got) - crowd.sent
    require(not missing, f"{missing.total()} of {crowd.sent.total()} messages were lost")
    require(not extra, f"messages came twice or on a wrong channel: {dict(extra)}")


@case(9, "Process-specific channels are read in several threads, each in order")
async def channels_in_threads(h: Harness) -> None:
    layer = h.make(capacity=EACH)
    channels = [await layer.new_channel() for _ in range(READERS)]

    async def read(channel: str) -> list[int]:
        return [message["n"] for message in await receive_count(h, layer, channel, EACH)]

    readers = [asyncio.ensure_future(in_thread(h.run, read(c))) for c in channels]
    # By now they wait, so that every thread has to be woken.
    await asyncio.wait(readers, timeout=h.settle)
    for n in range(EACH):
        for channel in channels:
            await layer.send(channel, {"n": n})
    sentence = "readers in threads did not receive everything"
    for numbers in await within(3 * h.patience, asyncio.gather(*readers), sentence):
        require_equal(numbers, list(range(EACH)), "messages of a channel read in a thread")


@case(9, "async_to_sync(layer.group_send) works 200 times from plain threads, with a clean log")
async def async_to_sync_group_send(h: Harness) -> None:
    try:
        from asgiref.sync import async_to_sync
    except ImportError:
        raise NotApplicable("asgiref is not installed") from None
    layer, group = h.make(capacity=200), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_add(group, channel)

    def view(thread: int) -> None:
        for n in range(50):
            async_to_sync(layer.group_send)(group, {"id": f"{thread}.{n}"})

    with clean_log("async_to_sync(layer.group_send) logged"):
        calls = asyncio.gather(*(in_thread(view, t) for t in range(4)))
        await within(3 * h.patience, calls, "async_to_sync(layer.group_send) did not return")
        got = Counter(message["id"] for message in await receive_count(h, layer, channel, 200))
    require_equal(got, Counter(f"{t}.{n}" for t in range(4) for n in range(50)), "messages")
    await nothing_more(h, layer, channel, "200 were sent")


@case(9, "Each of many short-lived loops may send and receive")
async def short_lived_loops(h: Harness) -> None:
    layer = h.make()
    specific, work = await both_kinds(layer)

    def script() -> list[Any]:
        got = []
        for n in range(20):
            for channel in (specific, work):
                h.run(layer.send(channel, {"n": n}))
                got.append(h.run(receive(h, layer, channel))["n"])
        return got

    with clean_log("short-lived loops logged"):
        got = await within(3 * h.patience, in_thread(script), "a short-lived loop did not finish")
    require_equal(got, [n for n in range(20) for _ in range(2)], "messages")


@case(9, "A group that a short-lived loop joined is reached from another")
async def group_across_loops(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    channel = await in_thread(h.run, layer.new_channel())
    await in_thread(h.run, layer.group_add(group, channel))
    await in_thread(h.run, layer.group_send(group, {"n": 1}))
    require_equal(await receive(h, layer, channel), {"n": 1}, "message")


@case(9, "A loop that was closed in the middle of a receive takes no message with it")
async def closed_loop(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        kept: Future[Any] = Future()

        def abandon(channel: str = channel, kept: Future[Any] = kept) -> None:
            loop = asyncio.new_event_loop()
            # Python complains of the task that we abandon on purpose.
            loop.set_exception_handler(lambda *_: None)
            task = loop.create_task(layer.receive(channel))
            loop.run_until_complete(asyncio.wait({task}, timeout=h.settle))
            loop.close()
            kept.set_result(task)

        await in_thread(abandon)
        for n in range(3):
            await layer.send(channel, {"n": n})
        got = [message["n"] for message in await receive_count(h, layer, channel, 3)]
        # Over several shards a normal channel's order is not promised.
        in_order = got if "!" in channel else sorted(got)
        require_equal(in_order, [0, 1, 2], "messages after a loop was closed")
        require(not kept.result().done(), "the abandoned receive came back to life")


@case(9, "A receive whose loop ended takes no message with it")
async def ended_loop(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):

        async def give_up(channel: str = channel) -> None:
            # The loop's end cancels the task.
            task = asyncio.ensure_future(layer.receive(channel))
            await asyncio.wait({task}, timeout=h.settle)

        await in_thread(h.run, give_up())
        await layer.send(channel, {"n": 1})
        require_equal(await receive(h, layer, channel), {"n": 1}, "message after a loop ended")


@case(
    9,
    "After fork the child starts afresh with a node id of its own, and both go on",
    needs=("fork",),
)
async def fork(h: Harness) -> None:
    seen = await h.in_forked_child()
    require_equal(
        (seen["parent_got"], seen["child_got"]), ("parent", "child"), "messages after fork"
    )
    parent, child = node_of(seen["parent"]), node_of(seen["child"])
    require(parent != child, f"a forked child keeps its parent's node id {parent}")
