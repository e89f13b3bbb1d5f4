"""What stands in Redis: keys with an end, names apart, unreadable bodies, corrupt bytes."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, until

from fairway.redis import RedisChannelLayer

LIMIT = 10


async def workout(layer: RedisChannelLayer, other: RedisChannelLayer) -> None:
    """Every kind of call, and things left lying about."""
    mine, theirs = await layer.new_channel(), await other.new_channel("there")
    for group in ("chat", "room"):
        for channel in (mine, theirs, "work"):
            await layer.group_add(group, channel)
        await other.group_send(group, {"secret": "a body in plain sight"})
    await layer.group_discard("room", theirs)
    for channel in (mine, theirs, "work", "idle"):
        for n in range(5):
            await layer.send(channel, {"secret": "a body in plain sight", "n": n})
    for channel in (mine, "work"):
        await asyncio.wait_for(layer.receive(channel), LIMIT)
    await other.receive_many([theirs, "work"], timeout=LIMIT)
    await other.receive_many(["nothing"], timeout=0.01)
    await layer.global_statistics()
    await other.channel_statistics("work")
    await other.channel_statistics(mine)
    await other.group_channels("chat")


def endless(server: RedisServer) -> list[bytes]:
    return [key for key in server.admin.scan_iter("*") if server.admin.ttl(key) == -1]


@pytest.mark.parametrize("started", [False, True], ids=["new", "alive for a while"])
async def test_every_key_is_ours_and_has_an_end(
    make_layer: MakeLayer, server: RedisServer, started: bool
) -> None:
    layer, other = make_layer(server, prefix="mine"), make_layer(server, prefix="mine")
    if started:
        await layer.new_channel()
        await other.new_channel()
        await asyncio.sleep(0.5)
    await workout(layer, other)
    keys = list(server.admin.scan_iter("*"))
    assert keys
    assert [key for key in keys if not key.startswith(b"{mine}:")] == []
    assert endless(server) == []
    # What is there when both processes are killed at this moment will go.
    await layer.close()
    assert endless(server) == []


async def test_nothing_is_left_of_a_node_that_ended(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer, other = make_layer(server), make_layer(server)
    await workout(layer, other)
    await layer.close()
    await other.close()
    named = [key for key in server.admin.scan_iter("*") if key.split(b":")[1] in (b"i", b"c")]
    assert named == []


async def test_two_prefixes_do_not_meet(make_layer: MakeLayer, server: RedisServer) -> None:
    one, other = make_layer(server, prefix="one"), make_layer(server, prefix="two")
    await workout(one, make_layer(server, prefix="one"))
    channel = await other.new_channel()
    await other.group_add("chat", channel)
    assert await other.group_channels("chat") == [channel]
    statistics = await other.global_statistics()
    assert (statistics["messages_count"], statistics["groups"]) == (0, 1)
    await one.group_send("chat", {})
    await one.send("work", {"n": 1})
    assert await other.receive_many([channel, "work"], timeout=0.3) == (None, None)
    await one.flush()
    assert await other.group_channels("chat") == [channel]


async def test_a_flush_leaves_the_keys_of_others(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    server.admin.set("{asgi}", "theirs")
    server.admin.set("asgi:theirs", "theirs")
    server.admin.set("{asgix}:q:work", "theirs")
    layer = make_layer(server)
    await layer.send("work", {})
    await layer.flush()
    left = {key for key in server.admin.scan_iter("*") if not key.startswith(b"{asgi}:")}
    assert left == {b"{asgi}", b"asgi:theirs", b"{asgix}:q:work"}
    assert await layer.receive_many(["work"], timeout=0.2) == (None, None)


async def test_strange_prefixes(make_layer: MakeLayer, server: RedisServer) -> None:
    for prefix in ("", "*", "a b", "ü", "{x}", "a{b", "}"):
        layer = make_layer(server, prefix=prefix)
        await layer.send("work", {"n": 1})
        assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 1}
        await layer.flush()
        await layer.close()


NAMES = [
    "g",
    "gn",
    "gc",
    "q",
    "w",
    "i",
    "c",
    "nodes",
    "stats",
    "known",
    "unread",
    "sample",
    "groups",
]


async def test_names_that_look_like_keys(make_layer: MakeLayer, server: RedisServer) -> None:
    layer, other = make_layer(server), make_layer(server)
    channels = {name: await layer.new_channel() for name in NAMES}
    for name, channel in channels.items():
        await layer.group_add(name, channel)
        await layer.group_add(name, name)  # a normal channel of the group's own name
    for name in NAMES:
        await other.group_send(name, {"to": name})
    for name, channel in channels.items():
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"to": name}
        assert await asyncio.wait_for(other.receive(name), LIMIT) == {"to": name}
    for name in NAMES:
        assert sorted(await other.group_channels(name)) == sorted([name, channels[name]])


# -- encryption ---------------------------------------------------------------------------


def dump(server: RedisServer) -> str:
    """All that is stored, for a search."""
    admin = server.admin
    read: dict[bytes, Callable[[bytes], object]] = {
        b"stream": admin.xrange,
        b"list": lambda key: admin.lrange(key, 0, -1),
        b"hash": admin.hgetall,
        b"zset": lambda key: admin.zrange(key, 0, -1),
    }
    return "".join(f"{key!r} {read[admin.type(key)](key)}" for key in admin.scan_iter("*"))


async def test_bodies_are_unreadable_with_encryption(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    plain = [make_layer(server) for _ in range(2)]
    await workout(*plain)
    assert "plain sight" in dump(server)
    server.admin.flushall()
    keys = ["a key"]
    await workout(*[make_layer(server, symmetric_encryption_keys=keys) for _ in range(2)])
    assert "plain sight" not in dump(server)
    assert "secret" not in dump(server)


async def test_keys_can_be_rotated(make_layer: MakeLayer, server: RedisServer) -> None:
    old = make_layer(server, symmetric_encryption_keys=["old"])
    new = make_layer(server, symmetric_encryption_keys=["new", "old"])
    await old.send("work", {"n": 1})
    await new.send("work", {"n": 2})
    got = [await asyncio.wait_for(new.receive("work"), LIMIT) for _ in range(2)]
    assert got == [{"n": 1}, {"n": 2}]


async def test_another_key_is_a_counted_and_logged_drop(
    make_layer: MakeLayer, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "fairway.drops")
    layer = make_layer(server, symmetric_encryption_keys=["right"])
    wrong, plain = make_layer(server, symmetric_encryption_keys=["wrong"]), make_layer(server)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    for sender in (wrong, plain):
        await sender.send(channel, {})
        await sender.group_send("chat", {})
        await sender.send("work", {})
    await layer.send(channel, {"n": 1})
    await layer.send("work", {"n": 2})
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 2}
    statistics = await layer.global_statistics()
    assert statistics["drops"]["undecodable"] == 6
    assert statistics["messages_pending"] == 0
    assert "undecodable" in caplog.text


# -- corrupt bytes ----------------------------------------------------------------------------

GARBAGE = b"\xc1\xff\x00 not a message"


async def drops_of(layer: RedisChannelLayer) -> dict[str, Any]:
    return (await layer.global_statistics())["drops"]


@pytest.mark.parametrize("value", [GARBAGE, b"", b"x", b"\0" * 7, b"\xff" * 40], ids=repr)
async def test_corrupt_bytes_in_a_queue(
    make_layer: MakeLayer, server: RedisServer, value: bytes
) -> None:
    layer = make_layer(server, capacity=3)
    server.admin.rpush("{asgi}:q:work", value)
    await layer.send("work", {"n": 1})
    await layer.send("work", {"n": 2})
    got = [await asyncio.wait_for(layer.receive("work"), LIMIT) for _ in range(2)]
    assert got == [{"n": 1}, {"n": 2}]
    for n in (3, 4, 5):
        await layer.send("work", {"n": n})
        assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": n}
    drops = await drops_of(layer)
    assert drops["undecodable"] + drops["expired"] == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"{channel}": GARBAGE},
        {"@chat": GARBAGE},
        {">work": GARBAGE},
        {">work": b"x"},
        {"+chat": GARBAGE},
        {"+chat": b"soon|work"},
        {"+chat": b"60|no channel"},
        {"-chat": GARBAGE},
        {b"\xff\xfe": b"x"},
        {"no channel": b"x"},
        {"": b"x"},
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_corrupt_bytes_in_an_inbox(
    make_layer: MakeLayer, server: RedisServer, fields: dict[Any, bytes], complaints: list[str]
) -> None:
    """They cost themselves: the message beside them and those after them arrive."""
    layer = make_layer(server)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    waiting = asyncio.ensure_future(layer.receive(channel))
    await layer.receive_many(["work"], timeout=0.01)
    inbox = f"{{asgi}}:i:{layer.node}"
    await until(lambda: server.admin.exists(inbox), "no inbox")
    body = layer._codec.encode({"n": 1})
    named = {
        k.replace("{channel}", channel) if isinstance(k, str) else k: v for k, v in fields.items()
    }
    server.admin.xadd(inbox, {channel + "0": body, **named})
    pieces = [part for pair in named.items() for part in pair]
    server.admin.execute_command("XADD", inbox, "*", channel, body, *pieces)
    assert await asyncio.wait_for(waiting, LIMIT) == {"n": 1}
    await layer.group_send("chat", {"n": 2})
    await layer.send(channel, {"n": 3})
    await layer.send("work", {"n": 4})
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 2}
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 3}
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 4}
    complaints.clear()  # they may be logged as errors


async def test_keys_of_another_type(make_layer: MakeLayer, server: RedisServer) -> None:
    """Somebody wrote over our keys: their users hear it, others are not concerned."""
    layer = make_layer(server)
    channel = await layer.new_channel()
    server.admin.set("{asgi}:q:broken", "x")
    server.admin.set("{asgi}:gn:broken", "x")
    with pytest.raises(ConnectionError, match="WRONGTYPE"):
        await layer.send("broken", {})
    with pytest.raises(ConnectionError, match="WRONGTYPE"):
        await layer.group_send("broken", {})
    await layer.send(channel, {"n": 1})
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}


async def test_who_only_sends_to_a_node_that_never_was_leaves_nothing_for_ever(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(server)
    await layer.send("specific.alone!x", {})
    sends = [layer.send(f"specific.both!{name}", {}) for name in "xy"]
    await asyncio.gather(*sends)
    assert server.admin.keys("*")
    assert endless(server) == []
