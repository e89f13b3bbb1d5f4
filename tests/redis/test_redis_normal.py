"""Normal channels: what a node takes ahead of its readers, and what becomes of it."""

import asyncio
import threading
import time

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, until, wait_for

from fairway.redis.keys import Keys

LIMIT = 10


async def test_a_request_lost_with_the_server_is_made_again(
    make_layer: MakeLayer, lasting_server: RedisServer
) -> None:
    layer = make_layer(lasting_server, patience=0.3, lease=60)
    other = make_layer(lasting_server)
    await layer.new_channel()
    lasting_server.kill()
    waiting = asyncio.ensure_future(layer.receive("work"))
    await asyncio.sleep(1)
    await asyncio.to_thread(lasting_server.start)
    await other.send("work", {"n": 1})
    assert await asyncio.wait_for(waiting, LIMIT) == {"n": 1}


async def test_a_flush_takes_what_was_dealt_and_not_what_comes(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    for n in range(40):
        await layer.send("work", {"n": n})
    for n in range(8):
        assert await layer.receive("work") == {"n": n}
    await layer.flush()
    await layer.send("work", {"n": 99})
    while (message := await asyncio.wait_for(layer.receive("work"), LIMIT))["n"] != 99:
        assert message["n"] < 40
    assert (await layer.global_statistics())["messages_pending"] == 0


async def test_closing_returns_unread_messages_in_order(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    first, second = make_layer(server), make_layer(server)
    for n in range(60):
        await second.send("work", {"n": n})
    for n in range(20):
        assert await first.receive("work") == {"n": n}
    await first.close()
    got = [(await asyncio.wait_for(second.receive("work"), LIMIT))["n"] for _ in range(40)]
    assert got == list(range(20, 60))


async def test_an_idle_reader_returns_what_it_took(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    first, second = make_layer(server), make_layer(server)
    for n in range(60):
        await second.send("work", {"n": n})
    for n in range(20):
        assert await first.receive("work") == {"n": n}
    # Nobody receives at the first any more, which only a turn of its clock shows.
    got = [(await asyncio.wait_for(second.receive("work"), LIMIT))["n"] for _ in range(40)]
    assert sorted(got) == list(range(20, 60))


async def test_a_reader_that_comes_as_its_channel_is_given_up(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    """The node gives it up in the I/O thread, and readers ask on another connection."""
    layer, sender, want = make_layer(server), make_layer(server), Keys("asgi").want("work")
    while layer.store.session_here() is None:
        await layer.receive_many(["work"], timeout=0.1)
    node, go_on = layer.store.node, threading.Event()
    credit = server.admin.zscore(want, node.id)

    def give_up() -> None:
        node.demand.cool()
        node.demand.cool()
        go_on.wait(LIMIT)

    layer.store.home_soon(give_up)
    await until(lambda: "work" not in node.demand.channels(), "it is not given up")
    waiting = asyncio.ensure_future(layer.receive("work"))
    await until(lambda: server.admin.zscore(want, node.id) == 2 * credit, "nobody asked")
    go_on.set()
    await until(lambda: server.admin.zscore(want, node.id) != 2 * credit, "it is not given up")
    await sender.send("work", {"n": 1})
    assert await asyncio.wait_for(waiting, LIMIT) == {"n": 1}


async def test_what_comes_as_its_channel_is_given_up(
    make_layer: MakeLayer, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes back, and whoever comes then is not taken for one who has it."""
    layer, sender = make_layer(server), make_layer(server)
    demand, inbox = layer.store.node.demand, layer.store.mailbox.inbox
    while layer.store.node.pumps.at_home:
        await layer.receive_many(["work"], timeout=0.1)
    release, released = demand._release, threading.Event()

    def send() -> None:
        for n in range(2):
            sender.blocking.send("work", {"n": n})

    def late(channel: str) -> None:
        sending = threading.Thread(target=send)
        sending.start()
        sending.join()
        wait_for(lambda: inbox.pending(channel), "nothing comes")
        monkeypatch.setattr(demand, "_release", release)
        release(channel)
        released.set()

    monkeypatch.setattr(demand, "_release", late)
    await until(released.is_set, "it is not given up")
    got = [(await asyncio.wait_for(layer.receive("work"), LIMIT))["n"] for _ in range(2)]
    assert sorted(got) == [0, 1]


async def test_what_could_not_be_returned_is_returned_later(
    make_layer: MakeLayer, own_server: RedisServer
) -> None:
    layer, other = make_layer(own_server, patience=0.3), make_layer(own_server)
    for n in range(3):
        await other.send("work", {"n": n})
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 0}
    inbox = layer.store.mailbox.inbox
    await until(lambda: inbox.pending("work"), "nothing is taken ahead")
    own_server.admin.config_set("min-replicas-to-write", 1)
    await until(lambda: "work" not in layer.store.node.demand.channels(), "it is not given up")
    await asyncio.sleep(1)
    own_server.admin.config_set("min-replicas-to-write", 0)
    got = [(await asyncio.wait_for(other.receive("work"), LIMIT))["n"] for _ in range(2)]
    assert sorted(got) == [1, 2]


async def test_what_comes_is_known_before_anybody_takes_it(
    make_layer: MakeLayer, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a thread that takes it at once makes the node count one that lies here for ever."""
    layer, sender = make_layer(server), make_layer(server)
    node, seen = layer.store.node, []
    dealt = node.dealt

    def noted(channel: str, shard: str, count: int) -> None:
        seen.append(layer.store.mailbox.inbox.pending(channel))
        dealt(channel, shard, count)

    monkeypatch.setattr(node, "dealt", noted)
    assert await layer.receive_many(["work"], timeout=0) == (None, None)
    await sender.send("work", {"n": 1})
    await until(lambda: seen, "it did not come")
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 1}
    assert seen == [0]


@pytest.mark.parametrize("number", [1, 3])
async def test_a_reader_whose_wish_was_lost_is_not_deaf(
    make_layer: MakeLayer, shared_servers: list[RedisServer], number: int
) -> None:
    shards, want = shared_servers[:number], Keys("asgi").want("work")
    layer, sender = make_layer(*shards, expiry=4), make_layer(*shards)
    await layer.store.begin()  # with the first heartbeat a node asks anew
    readers = [asyncio.ensure_future(layer.receive("work")) for _ in shards]
    await until(lambda: all(shard.admin.delete(want) for shard in shards), "nobody asked")
    for _ in shards:
        await sender.send("work", {"n": 1})
    assert await asyncio.wait_for(asyncio.gather(*readers), LIMIT) == [{"n": 1}] * number


async def test_what_its_sender_did_not_have_dealt_is_received(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    """It may die between hearing who waits and having it dealt."""
    layer, sender, keys = make_layer(server, expiry=4), make_layer(server), Keys("asgi")
    await sender.send("work", {"n": 1})
    left = server.admin.lpop(keys.queue("work"))
    await layer.store.begin()  # with the first heartbeat a node asks anew
    waiting = asyncio.ensure_future(layer.receive("work"))
    await until(lambda: server.admin.exists(keys.want("work")), "nobody asked")
    server.admin.rpush(keys.queue("work"), left)
    assert await asyncio.wait_for(waiting, LIMIT) == {"n": 1}


async def test_a_slow_reader_leaves_the_queue_to_others(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    sender, slow, fast = (make_layer(server) for _ in range(3))
    taken = {"slow": 0, "fast": 0}

    async def read_slowly() -> None:
        while True:
            await slow.receive("work")
            taken["slow"] += 1
            await asyncio.sleep(0.5)

    async def read_fast() -> None:
        while True:
            await fast.receive("work")
            taken["fast"] += 1

    readers = [asyncio.ensure_future(read_slowly()), asyncio.ensure_future(read_fast())]
    for n in range(1000):
        while True:
            try:
                await sender.send("work", {"n": n})
                break
            except sender.ChannelFull:
                await asyncio.sleep(0.005)
    await until(lambda: sum(taken.values()) >= 990, f"they took {taken}")
    assert taken["slow"] < 50
    await until(lambda: sum(taken.values()) == 1000, f"they took {taken}")
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)


async def test_messages_dealt_to_a_node_that_never_read_go_to_others(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    """As when a process is killed between asking for messages and reading them."""
    sender = make_layer(server)
    ghost, keys = "0123456789abcd", Keys("asgi")
    server.admin.zadd(keys.want("work"), {ghost: 5})
    server.admin.zadd(keys.nodes, {ghost: int(time.time() + 60) * 1000})
    for n in range(3):
        await sender.send("work", {"n": n})
    assert server.admin.xlen(keys.inbox(ghost)) > 0
    server.admin.zadd(keys.nodes, {ghost: 1})
    got = [(await asyncio.wait_for(sender.receive("work"), LIMIT))["n"] for _ in range(3)]
    assert got == [0, 1, 2]
