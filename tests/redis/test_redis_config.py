"""Every key of CONFIG: its meaning, and what is said of a wrong one."""

import asyncio
import re
from typing import Any

import pytest
from benchmarks.ports import free_port
from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer, members_are, until

from fairway.errors import ChannelFull, ConfigurationError, MessageTooLarge, StoreUnavailable
from fairway.redis import RedisChannelLayer

LIMIT = 10


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"host": "localhost"}, ["'host'", "hosts", "prefix", "channel_capacity"]),
        ({"hosts": "localhost"}, ["hosts", "list"]),
        ({"prefix": 5}, ["prefix", "5"]),
        ({"expiry": "60"}, ["expiry", "'60'", "seconds"]),
        ({"expiry": 0}, ["expiry", "0"]),
        ({"expiry": True}, ["expiry", "True"]),
        ({"group_expiry": "1d"}, ["group_expiry", "'1d'"]),
        ({"group_expiry": -1}, ["group_expiry", "-1"]),
        ({"capacity": "100"}, ["capacity", "'100'"]),
        ({"capacity": 0}, ["capacity", "0"]),
        ({"channel_capacity": [("http.request", 5)]}, ["channel_capacity"]),
        ({"channel_capacity": {"http.request": "5"}}, ["channel_capacity", "http.request", "'5'"]),
        ({"symmetric_encryption_keys": "secret"}, ["symmetric_encryption_keys", "list"]),
        ({"symmetric_encryption_keys": [5]}, ["symmetric_encryption_keys", "int"]),
        ({"serializer_format": "xml"}, ["serializer_format", "'xml'", "msgpack", "json"]),
        ({"random_prefix_length": "12"}, ["random_prefix_length", "'12'"]),
        ({"random_prefix_length": -1}, ["random_prefix_length", "-1"]),
        ({"on_disconnect": 5}, ["on_disconnect", "5"]),
        ({"on_reconnect": ["x"]}, ["on_reconnect"]),
        ({"max_message_size": 1.5}, ["max_message_size", "1.5"]),
        ({"prefetch": 0}, ["prefetch", "0"]),
        ({"inbox_capacity": "many"}, ["inbox_capacity", "'many'"]),
        ({"heartbeat": 0}, ["heartbeat", "0"]),
        ({"heartbeat": "2"}, ["heartbeat", "'2'"]),
        ({"lease": None}, ["lease", "None"]),
        ({"heartbeat": 5, "lease": 10}, ["lease", "heartbeat", "10", "5"]),
        ({"patience": -1}, ["patience", "-1"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values_are_named(config: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisChannelLayer(**config)
    for word in words:
        assert word in str(caught.value)


def test_no_key_is_needed_and_attributes_tell() -> None:
    layer = RedisChannelLayer()
    assert (layer.expiry, layer.group_expiry, layer.capacity) == (60, 86400, 100)
    assert layer.cross_process
    layer = RedisChannelLayer(
        [("localhost", 6379)], "prefix", 30, 600, 5, {"a*": 7}, None, "msgpack", 8
    )
    assert (layer.prefix, layer.expiry, layer.group_expiry, layer.capacity) == (
        "prefix",
        30,
        600,
        5,
    )
    assert layer.get_capacity("abc") == 7


async def test_expiry(make_layer: MakeLayer, server: RedisServer) -> None:
    layer = make_layer(server, expiry=0.3)
    await layer.send("work", {"n": 1})
    await asyncio.sleep(0.5)
    await layer.send("work", {"n": 2})
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 2}
    assert (await layer.global_statistics())["drops"]["expired"] == 1


async def test_group_expiry(make_layer: MakeLayer, server: RedisServer) -> None:
    layer = make_layer(server, group_expiry=0.5)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await asyncio.sleep(0.7)
    assert await layer.group_channels("chat") == []
    await layer.group_send("chat", {})
    assert await layer.receive_many([channel], timeout=0.3) == (None, None)


async def test_a_membership_without_end_outlives_the_keys_first_end(
    make_layer: MakeLayer, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.redis.layer._GROUP_KEPT", 2.0)
    layer, other = make_layer(server, group_expiry=None), make_layer(server, group_expiry=None)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await layer.group_add("chat", "work")
    await asyncio.sleep(4)
    await members_are(other, "chat", [channel, "work"])
    await other.group_send("chat", {"n": 1})
    assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": 1}


async def test_capacity_and_channel_capacity(make_layer: MakeLayer, server: RedisServer) -> None:
    layer = make_layer(server, capacity=3, channel_capacity={"small*": 1, re.compile("big.*"): 5})
    own = await layer.new_channel()
    for channel, capacity in (("work", 3), ("small", 1), ("big", 5), (own, 3)):
        for _ in range(capacity):
            await layer.send(channel, {})
        with pytest.raises(ChannelFull):
            await layer.send(channel, {})
    assert (await layer.global_statistics())["channel_full_count"] == 4


async def test_max_message_size(make_layer: MakeLayer, server: RedisServer) -> None:
    layer = make_layer(server, max_message_size=100)
    with pytest.raises(MessageTooLarge, match="100"):
        await layer.send("work", {"text": "x" * 100})
    large = make_layer(server, max_message_size=16 * 1024 * 1024)
    await large.send("work", {"body": b"x" * (16 * 1024 * 1024 - 100)})
    got = await asyncio.wait_for(large.receive("work"), LIMIT)
    assert len(got["body"]) == 16 * 1024 * 1024 - 100


async def test_inbox_capacity(make_layer: MakeLayer, server: RedisServer) -> None:
    """A process that reads nothing is not filled without end; its groups' messages are counted."""
    layer, other = make_layer(server, inbox_capacity=10, capacity=1000), make_layer(server)
    sender = make_layer(server, inbox_capacity=10, capacity=1000)
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await other.new_channel()
    # A process that is alive and does not read: its inbox alone is left standing.
    (shard,) = layer.store.shards
    layer.store.home_loop().call_soon_threadsafe(layer.store.node.pumps[shard].stop)
    await until(lambda: not reading(server, layer), "it still reads")
    for n in range(10):
        await sender.group_send("chat", {"n": n})
    await sender.group_send("chat", {"n": 10})
    with pytest.raises(ChannelFull):
        await sender.send(channel, {"n": 11})
    assert (await other.global_statistics())["drops"]["over_capacity"] == 1


def reading(server: RedisServer, layer: RedisChannelLayer) -> bool:
    blocked = [client for client in server.connections() if client["cmd"] == "xreadgroup"]
    return len(blocked) > 1


async def test_patience(make_layer: MakeLayer) -> None:
    layer = make_layer(("127.0.0.1", free_port()), patience=0.5)
    started = asyncio.get_running_loop().time()
    with pytest.raises(StoreUnavailable):
        await layer.send("work", {})
    assert asyncio.get_running_loop().time() - started >= 0.4


async def test_prefetch(make_layer: MakeLayer, server: RedisServer) -> None:
    """Never more than that lies in a process ahead of its readers."""
    layer, sender = make_layer(server, prefetch=10), make_layer(server, capacity=500)
    for n in range(300):
        await sender.send("work", {"n": n})
    for _ in range(100):
        await layer.receive("work")
    assert layer.store.mailbox.inbox.pending("work") <= 10
    await asyncio.sleep(0.3)
    assert layer.store.mailbox.inbox.pending("work") <= 10
    assert server.admin.llen("{asgi}:q:work") >= 190


# -- on_disconnect, on_reconnect -------------------------------------------------------------


async def test_a_blip_is_told_once(make_layer: MakeLayer, lasting_server: RedisServer) -> None:
    told: list[tuple[str, str]] = []
    layer = make_layer(
        {"address": lasting_server.url, "name": "one"},
        on_disconnect=lambda shard: told.append(("off", shard)),
        on_reconnect=lambda shard: told.append(("on", shard)),
    )
    channel = await layer.new_channel()
    await asyncio.sleep(1.2)
    reading = asyncio.ensure_future(layer.receive(channel))
    await layer.send("work", {})
    for blip in (1, 2):
        await asyncio.to_thread(lasting_server.kill)
        await until(lambda n=blip: told.count(("off", "one")) == n, "not told")
        await asyncio.sleep(0.3)
        await asyncio.to_thread(lasting_server.start)
        await until(lambda n=blip: told.count(("on", "one")) == n, "not told")
    await asyncio.sleep(0.5)
    assert told == [("off", "one"), ("on", "one")] * 2
    reading.cancel()


async def test_cut_connections_are_one_blip(make_layer: MakeLayer, own_server: RedisServer) -> None:
    told: list[str] = []
    layer = make_layer(
        own_server,
        on_disconnect=lambda _: told.append("off"),
        on_reconnect=lambda _: told.append("on"),
    )
    channel = await layer.new_channel()
    await asyncio.sleep(1.2)
    reading = asyncio.ensure_future(layer.receive(channel))
    await layer.send("work", {})
    for _ in range(10):
        told.clear()
        own_server.admin.client_kill_filter(_type="normal", skipme=True)
        own_server.pause()  # nobody has connected anew before all have noticed
        await asyncio.sleep(0.3)
        own_server.resume()
        await until(lambda: "on" in told, "not told")
        await asyncio.sleep(0.3)
        assert told == ["off", "on"]
    reading.cancel()


async def test_a_blip_of_one_shard(
    make_layer: MakeLayer, server: RedisServer, own_server: RedisServer
) -> None:
    told: list[str] = []
    layer = make_layer(
        {"address": server.url, "name": "stays"},
        {"address": own_server.url, "name": "goes"},
        on_disconnect=told.append,
        on_reconnect=told.append,
    )
    await layer.new_channel()
    await until(lambda: own_server.connections(), "no connection")
    own_server.kill()
    await until(lambda: told, "not told")
    await asyncio.to_thread(own_server.start)
    await until(lambda: len(told) >= 2, "not told")
    assert told == ["goes", "goes"]


async def test_a_blip_as_a_message(make_layer: MakeLayer, lasting_server: RedisServer) -> None:
    # Patient, since a machine that is busy may take seconds to connect.
    layer = make_layer(
        lasting_server, on_disconnect="redis.off", on_reconnect="redis.on", patience=60
    )
    members = [await layer.new_channel() for _ in range(2)]
    waiting = await layer.new_channel()
    for channel in members:
        await layer.group_add("chat", channel)
    reading = asyncio.ensure_future(layer.receive(waiting))
    await until(lambda: lasting_server.connections(), "no connection")
    await asyncio.sleep(0.2)
    lasting_server.kill()
    assert await asyncio.wait_for(reading, LIMIT) == {"type": "redis.off"}
    for channel in members:
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"type": "redis.off"}
    reading = asyncio.ensure_future(layer.receive(waiting))
    await asyncio.to_thread(lasting_server.start)
    assert await asyncio.wait_for(reading, LIMIT) == {"type": "redis.on"}
    for channel in members:
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"type": "redis.on"}


async def test_a_flush_while_notices_wait(make_layer: MakeLayer, own_server: RedisServer) -> None:
    """They came by no server, so they stay; all else is gone, and the node reads on."""
    layer = make_layer(own_server, on_disconnect="redis.off", on_reconnect="redis.on")
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    own_server.admin.client_kill_filter(_type="normal", skipme=True)
    inbox = layer.store.mailbox.inbox
    await until(lambda: inbox.pending(channel) == 2, "it isn't told")
    await layer.send(channel, {"n": 1})
    await layer.flush()
    assert await layer.group_channels("chat") == []
    await layer.group_add("chat", channel)
    await layer.group_send("chat", {"n": 2})
    got = [await asyncio.wait_for(layer.receive(channel), LIMIT) for _ in range(3)]
    assert got == [{"type": "redis.off"}, {"type": "redis.on"}, {"n": 2}]
