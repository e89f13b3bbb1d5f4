"""One in-memory layer in many threads and loops: exact counts, nothing lost."""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync

from fairway.errors import ChannelFull, LayerClosed
from fairway.memory import InMemoryChannelLayer

PATIENCE = 30.0

pytestmark = pytest.mark.usefixtures("frequent_switches")


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(count: int, work) -> list:
    """What `work(i)` returned in each of `count` threads that began together."""
    begin = threading.Barrier(count)

    def run(i: int):
        begin.wait(PATIENCE)
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return [call.result(PATIENCE) for call in [pool.submit(run, i) for i in range(count)]]


def test_every_refusal_and_every_message_is_counted() -> None:
    layer = InMemoryChannelLayer(capacity=1)
    names = [f"c{n}" for n in range(40)]

    def fill(_: int) -> tuple[int, int]:
        sent = refused = 0
        for _ in range(25):
            for name in names:
                try:
                    layer.blocking.send(name, {})
                    sent += 1
                except ChannelFull:
                    refused += 1
        return sent, refused

    results = in_threads(4, fill)
    statistics = layer.blocking.global_statistics()
    assert sum(sent for sent, _ in results) == statistics["messages_count"] == 40
    assert sum(refused for _, refused in results) == statistics["channel_full_count"] == 3960
    each = [layer.blocking.channel_statistics(name)["channel_full_count"] for name in names]
    assert sum(each) == 3960


def test_a_group_send_is_received_or_counted_for_each_member() -> None:
    layer = InMemoryChannelLayer(capacity=5)
    members = [layer.blocking.new_channel() for _ in range(10)]
    for member in members:
        layer.blocking.group_add("g", member)
    counts = Counter()

    def send_or_read(i: int) -> int:
        if i < 2:
            for n in range(200):
                layer.blocking.group_send("g", {"id": f"{i}.{n}"})
            return 0
        got = 0
        for _ in range(1000):
            if layer.blocking.receive_many(members)[1] is not None:
                got += 1
        return got

    received = sum(in_threads(4, send_or_read))
    while layer.blocking.receive_many(members)[1] is not None:
        received += 1
    counts.update(layer.blocking.global_statistics()["drops"])
    assert received + counts["over_capacity"] == 2 * 200 * 10
    assert counts["expired"] == 0


def test_members_come_and_go_while_others_send() -> None:
    layer = InMemoryChannelLayer(capacity=10_000)
    stays = layer.blocking.new_channel()
    layer.blocking.group_add("g", stays)

    def work(i: int) -> None:
        for n in range(300):
            if i == 0:
                layer.blocking.group_send("g", {"n": n})
            else:
                guest = layer.blocking.new_channel()
                layer.blocking.group_add("g", guest)
                layer.blocking.group_channels("g")
                layer.blocking.group_discard("g", guest)

    in_threads(4, work)
    got = [layer.blocking.receive(stays, timeout=0) for _ in range(300)]
    assert got == [{"n": n} for n in range(300)]
    assert layer.blocking.group_channels("g") == [stays]


def test_names_made_in_many_threads_differ() -> None:
    layer = InMemoryChannelLayer()
    made = in_threads(4, lambda _: [layer.blocking.new_channel() for _ in range(500)])
    assert len({name for names in made for name in names}) == 2000


def test_short_lived_loops_and_plain_threads_talk_with_a_loop_that_stays() -> None:
    layer = InMemoryChannelLayer(capacity=10_000)
    count, senders = 100, 3

    def send(i: int) -> None:
        for n in range(count):
            message = {"id": [i, n]}
            if n % 3 == 0:
                async_to_sync(layer.send)("work", message)
            elif n % 3 == 1:
                layer.blocking.send("work", message)
            else:
                asyncio.run(layer.send("work", message))

    async def read() -> list[tuple[int, int]]:
        return [tuple((await layer.receive("work"))["id"]) for _ in range(count * senders)]

    def work(i: int):
        return asyncio.run(asyncio.wait_for(read(), PATIENCE)) if i == senders else send(i)

    got = in_threads(senders + 1, work)[-1]
    assert Counter(got) == Counter((i, n) for i in range(senders) for n in range(count))
    for i in range(senders):
        assert [n for who, n in got if who == i] == list(range(count))


def test_statistics_and_flush_meanwhile_disturb_nobody() -> None:
    layer = InMemoryChannelLayer(capacity=10)

    def work(i: int) -> None:
        for n in range(200):
            if i == 0:
                layer.blocking.global_statistics()
            elif i == 1 and n % 10 == 0:
                layer.blocking.flush()
            else:
                layer.blocking.send(f"c{i}.{n % 50}", {})
                layer.blocking.receive_many([f"c{i}.{n % 50}"])

    in_threads(5, work)
    layer.blocking.flush()
    statistics = layer.blocking.global_statistics()
    assert statistics["messages_pending"] == statistics["channels"] == 0
    assert statistics["messages_count"] == 3 * 200 + 180


def test_who_waits_when_the_layer_closes_is_told_in_threads_and_loops() -> None:
    layer = InMemoryChannelLayer()
    store = layer.store

    def wait(i: int) -> str:
        try:
            if i == 0:
                layer.blocking.receive("work", PATIENCE)
            elif i == 1:
                asyncio.run(asyncio.wait_for(layer.receive("work"), PATIENCE))
            elif i == 2:
                asyncio.run(layer.receive_many(["work", "other"], timeout=PATIENCE))
            else:
                end = time.monotonic() + PATIENCE
                while store._mailbox.inbox.waiting("work") < 3 and time.monotonic() < end:
                    time.sleep(0.001)
                asyncio.run(layer.close())
        except LayerClosed:
            return "told"
        return "not told"

    assert in_threads(4, wait) == ["told", "told", "told", "not told"]
    assert store._mailbox.inbox.waiting("work") == 0
