"""Threads that only send: their own connection, with nothing changed in what they see."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, garbling_line, wait_for

from fairway.engine.shortcut import SMALL, Shortcut
from fairway.errors import ChannelFull, LayerClosed, OutcomeUnknown, StoreUnavailable
from fairway.redis import RedisChannelLayer

LIMIT = 20


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each call of a thread was carried out there."""
    outcomes: list[bool] = []
    carry_out = Shortcut.carry_out

    def noted(self: Shortcut, *arguments: Any) -> bool:
        outcomes.append(carry_out(self, *arguments))
        return outcomes[-1]

    monkeypatch.setattr(Shortcut, "carry_out", noted)
    return outcomes


def warmed(layer: RedisChannelLayer, used: list[bool]) -> RedisChannelLayer:
    """Send from this thread until it does so by itself."""

    def carried_out() -> bool:
        layer.blocking.group_send("nobody", {})
        return used[-1]

    wait_for(carried_out, "the thread never got a connection")
    return layer


@contextlib.contextmanager
def stopped(server: RedisServer) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def numbers(layer: RedisChannelLayer, channel: str, count: int) -> list[int]:
    messages = [layer.blocking.receive(channel, timeout=LIMIT) for _ in range(count)]
    return [message["n"] for message in messages if message]


def test_all_that_a_thread_sends_arrives(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    reader, layer = make_layer(server), warmed(make_layer(server), used)
    own = reader.blocking.new_channel()
    reader.blocking.group_add("chat", own)
    reader.blocking.group_add("chat", "work")
    used.clear()
    for n in range(20):
        layer.blocking.send(own, {"n": n})
        async_to_sync(layer.send)("other-work", {"n": n})
        async_to_sync(layer.group_send)("chat", {"n": n})
    # The other thread helps with a reply that takes long, and may not be done with it yet.
    assert used.count(True) > 50
    assert numbers(reader, own, 40) == [n for n in range(20) for _ in range(2)]
    assert numbers(reader, "work", 20) == list(range(20))
    assert numbers(reader, "other-work", 20) == list(range(20))


def test_a_thousand_calls_have_two_connections(make_layer: MakeLayer, server: RedisServer) -> None:
    reader, layer = make_layer(server, capacity=2000), make_layer(server)
    channel = reader.blocking.new_channel()
    reader.blocking.group_add("chat", channel)
    before = len(server.connections())
    most = 0
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(async_to_sync(layer.group_send), "chat", {"n": n}) for n in range(1000)
        ]
        while not all(call.done() for call in calls):
            most = max(most, len(server.connections()) - before)
        for call in calls:
            call.result()
    assert 1 <= most <= 2
    assert sorted(numbers(reader, channel, 1000)) == list(range(1000))


def test_a_full_channel(make_layer: MakeLayer, server: RedisServer, used: list[bool]) -> None:
    layer = warmed(make_layer(server, capacity=3), used)
    for n in range(3):
        layer.blocking.send("work", {"n": n})
    with pytest.raises(ChannelFull):
        layer.blocking.send("work", {"n": 3})
    assert used[-1]


def test_what_is_large_goes_by_the_other_thread(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    layer = warmed(make_layer(server), used)
    used.clear()
    layer.blocking.send("work", {"bytes": b"x" * SMALL})
    assert used == []
    message = layer.blocking.receive("work", timeout=LIMIT)
    assert message == {"bytes": b"x" * SMALL}


def test_a_cut_connection_is_noticed_before_it_is_used(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    layer = warmed(make_layer(server), used)
    for n in range(10):
        # The newest connection is the threads' own. Cutting the other one as well would leave
        # it open which of the two breaks is noticed first.
        newest = max(int(client["id"]) for client in server.connections())
        server.admin.client_kill_filter(_id=newest)
        layer.blocking.send("work", {"n": n})
        warmed(layer, used)
    assert numbers(layer, "work", 10) == list(range(10))


def test_scripts_that_the_server_forgot(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    layer = warmed(make_layer(server), used)
    used.clear()
    server.admin.script_flush()
    layer.blocking.send("work", {"n": 0})
    assert used == [True]
    assert numbers(layer, "work", 1) == [0]


def test_a_server_that_stands_still_holds_up_no_event_loop(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    """The wait moves to the I/O thread; other threads' calls go there at once."""
    layer = warmed(make_layer(server, patience=LIMIT), used)

    async def send_and_count() -> int:
        turns = 0
        sending = asyncio.ensure_future(layer.send("work", {"n": 0}))
        await asyncio.sleep(0)
        while turns < 10 and not sending.done():
            await asyncio.sleep(0.01)
            turns += 1
        server.resume()
        await sending
        return turns

    went_on: list[int] = []

    async def alone() -> None:
        asyncio.get_running_loop().call_later(0.01, went_on.append, 1)
        await layer.send("work", {"n": 1})

    with stopped(server):
        assert asyncio.run(send_and_count()) == 10
    used.clear()
    with stopped(server):
        both = [threading.Thread(target=lambda: asyncio.run(alone())) for _ in range(2)]
        for thread in both:
            thread.start()
        wait_for(lambda: used.count(True) == 1 and used.count(False) == 1, "nobody had to wait")
        wait_for(lambda: len(went_on) == 2, "an event loop stands still")
    for thread in both:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert numbers(layer, "work", 3) == [0, 1, 1]


def test_closing_while_a_reply_is_overdue(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    layer = warmed(make_layer(server, patience=0.3), used)
    used.clear()
    outcome: list[BaseException | None] = []

    def send() -> None:
        try:
            layer.blocking.send("work", {"n": 0})
        except (OutcomeUnknown, LayerClosed) as error:
            outcome.append(error)

    with stopped(server):
        sender = threading.Thread(target=send)
        sender.start()
        wait_for(lambda: used == [True], "the thread doesn't send")
        async_to_sync(layer.close)()
        sender.join(LIMIT)
    assert not sender.is_alive()
    assert len(outcome) == 1


def test_a_node_that_begins_to_read_gives_the_connection_back(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    layer = warmed(make_layer(server), used)
    wait_for(lambda: len(server.connections()) == 2, "a writer, and the thread's own")
    channel = layer.blocking.new_channel()
    used.clear()
    layer.blocking.send(channel, {"n": 0})
    assert numbers(layer, channel, 1) == [0]
    assert used == []
    wait_for(lambda: len(server.connections()) == 2, "a writer and a reader")


def test_what_is_no_reply_at_all_breaks_the_connection(
    make_layer: MakeLayer, server: RedisServer, used: list[bool]
) -> None:
    with garbling_line(server) as line:
        layer = warmed(make_layer(("127.0.0.1", line.port)), used)
        line.garble()
        with pytest.raises(OutcomeUnknown, match="Protocol error"):
            layer.blocking.send("work", {"n": 0})
        layer.blocking.send("work", {"n": 1})
        assert set(numbers(layer, "work", 1)) <= {0, 1}


def test_a_call_that_is_left_to_an_io_thread_that_ends(
    make_layer: MakeLayer,
    own_server: RedisServer,
    used: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The I/O thread has just given back its connections when it is to hear the reply."""
    layer = warmed(make_layer(own_server), used)
    engine = layer.store
    (shortcut,), go_on, left = engine._shortcuts.values(), threading.Event(), threading.Event()
    soon, stop = shortcut._soon, engine._home.stop

    def late(*call: Any) -> None:
        go_on.wait(LIMIT)
        soon(*call)
        left.set()

    def stop_late() -> None:
        go_on.set()
        left.wait(LIMIT)
        stop()

    monkeypatch.setattr(shortcut, "_soon", late)
    monkeypatch.setattr(engine._home, "stop", stop_late)
    with ThreadPoolExecutor(1) as pool, stopped(own_server):
        call = pool.submit(layer.blocking.group_send, "nobody", {})
        asyncio.run(layer.close())
        with pytest.raises(StoreUnavailable):
            call.result(LIMIT)
