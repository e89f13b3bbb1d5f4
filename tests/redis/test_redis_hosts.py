"""The forms of `hosts`: URL, pair, dict, unix socket, TLS, ACL user, database, Sentinel."""

import asyncio
import gc
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks.ports import free_port
from benchmarks.redis_sentinel import MASTER, Watched, watched
from benchmarks.redis_server import RedisServer
from redis_support import BACK_WITHIN, SLACK, MakeLayer, until

import redis
from fairway.errors import ConfigurationError, StoreUnavailable
from fairway.redis import RedisChannelLayer
from fairway.redis.hosts import named_dialers

LIMIT = 15


async def round_trip(layer: RedisChannelLayer, *, shards: int = 1) -> None:
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await layer.send(channel, {"n": 1})
    await layer.group_send("chat", {"n": 2})
    await layer.send("work", {"n": 3})
    came = [(await asyncio.wait_for(layer.receive(channel), LIMIT))["n"] for _ in range(2)]
    # What comes by a group may overtake what comes to the channel by another shard.
    assert (came if shards == 1 else sorted(came)) == [1, 2]
    assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 3}


@pytest.mark.parametrize(
    "form",
    [
        lambda port: f"redis://127.0.0.1:{port}",
        lambda port: f"redis://127.0.0.1:{port}/3",
        lambda port: ("127.0.0.1", port),
        lambda port: ["127.0.0.1", port],
        lambda port: {"host": "127.0.0.1", "port": port},
        lambda port: {"host": "127.0.0.1", "port": port, "db": 2, "name": "one"},
        lambda port: {"address": f"redis://127.0.0.1:{port}", "name": "one"},
        lambda port: {"address": ("127.0.0.1", port), "db": 1},
    ],
)
async def test_addresses(make_layer: MakeLayer, server: RedisServer, form: Any) -> None:
    await round_trip(make_layer(form(server.port)))


async def test_databases_are_apart(make_layer: MakeLayer, server: RedisServer) -> None:
    one, other = (make_layer({"host": "127.0.0.1", "port": server.port, "db": n}) for n in (1, 2))
    await one.send("work", {"n": 1})
    assert await other.receive_many(["work"], timeout=0.3) == (None, None)
    assert await asyncio.wait_for(one.receive("work"), LIMIT) == {"n": 1}


async def test_two_databases_of_one_server_are_two_shards(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    layer = make_layer(*[f"redis://127.0.0.1:{server.port}/{n}" for n in (1, 2)])
    await round_trip(layer, shards=2)


@contextmanager
def tls_server(folder: Path) -> Iterator[tuple[RedisServer, int]]:
    """A server with a unix socket and TLS, and its port for that."""
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", "key.pem", "-out", "cert.pem",
        ],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    tls_port = free_port()
    options = [
        "--unixsocket", str(folder / "socket"), "--tls-port", str(tls_port),
        "--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem"),
        "--tls-auth-clients", "no",
    ]  # fmt: skip
    with RedisServer(*options) as server:
        yield server, tls_port


@pytest.fixture
def special_server(tmp_path: Path) -> Iterator[tuple[RedisServer, Path, int]]:
    with tls_server(tmp_path) as (server, tls_port):
        yield server, tmp_path, tls_port


async def test_unix_socket_and_tls(
    special_server: tuple[RedisServer, Path, int], make_layer: MakeLayer
) -> None:
    _, folder, port = special_server
    authority = str(folder / "cert.pem")
    hosts = [
        f"unix://{folder}/socket",
        {"path": f"{folder}/socket"},
        {"unix_socket_path": f"{folder}/socket", "db": 1},
        f"rediss://localhost:{port}?ssl_ca_certs={authority}",
        {"host": "localhost", "port": port, "ssl": True, "ssl_ca_certs": authority},
    ]
    for host in hosts:
        layer = make_layer(host)
        await round_trip(layer)
        await layer.close()


async def test_a_certificate_of_nobody_we_trust(
    special_server: tuple[RedisServer, Path, int], make_layer: MakeLayer
) -> None:
    layer = make_layer(f"rediss://localhost:{special_server[2]}", patience=3)
    with pytest.raises(StoreUnavailable, match=r"(?i)certificate"):
        await layer.send("work", {})


async def test_acl_user(make_layer: MakeLayer, own_server: RedisServer) -> None:
    own_server.admin.acl_setuser(
        "app", enabled=True, passwords=["+secret"], keys=["{asgi}:*"],
        commands=["+@all", "-@admin"],
    )  # fmt: skip
    await round_trip(make_layer(f"redis://app:secret@127.0.0.1:{own_server.port}"))
    place = {"host": "127.0.0.1", "port": own_server.port}
    await round_trip(make_layer({**place, "username": "app", "password": "secret"}))
    wrong = make_layer({**place, "username": "app", "password": "wrong"}, patience=2)
    with pytest.raises(StoreUnavailable, match=r"(?i)invalid username-password"):
        await wrong.send("work", {})


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ("redis://localhost", "list"),
        ([], "list"),
        (5, "list"),
        ([5], "entry"),
        ([("localhost", 1, 2)], "entry"),
        (["http://localhost"], "http://localhost"),
        ([("localhost", "port?", 3)], "entry"),
        ([(5, 6379)], "5"),
        ([{"host": "localhost", "prot": 6379}], "prot"),
        ([{"sentinels": [("localhost", 26379)]}], "master_name"),
        (["redis://:secret@localhost", "redis://:other@localhost"], "twice"),
    ],
)
def test_hosts_that_are_none(hosts: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        RedisChannelLayer(hosts)
    assert "secret" not in str(caught.value)


# -- Sentinel ---------------------------------------------------------------------------


@pytest.fixture
def sentinels() -> Iterator[Watched]:
    with watched() as started:
        yield started


@pytest.mark.patience(120)
@pytest.mark.parametrize("crash", [True, False], ids=["crash", "handover"])
async def test_failover_under_sentinel(
    sentinels: Watched, make_layer: MakeLayer, crash: bool, dice: random.Random
) -> None:
    layer, other = make_layer(sentinels.host), make_layer(sentinels.host)
    await round_trip(layer)
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    await asyncio.sleep(1.3)  # now this loop has its own connections
    await round_trip(layer)
    reading = {name: asyncio.ensure_future(layer.receive(name)) for name in (channel, "work")}
    await asyncio.sleep(dice.random())
    failed_over_at = await asyncio.to_thread(sentinels.fail_over, crash=crash)
    deadline = time.monotonic() + LIMIT
    while not all(task.done() for task in reading.values()):
        assert time.monotonic() < deadline, reading
        for send in (other.group_send("room", {"n": 1}), other.send("work", {"n": 1})):
            try:
                await send
            except StoreUnavailable as error:
                print(error)
        await asyncio.sleep(0.1)
    took = time.monotonic() - failed_over_at
    print(f"service was back after {took:.2f} s")
    assert took < BACK_WITHIN * SLACK
    for task in reading.values():
        assert task.result() == {"n": 1}


async def test_sentinel_from_threads_and_loops(sentinels: Watched, make_layer: MakeLayer) -> None:
    """Sentinels are asked in several event loops; none may hold on to another's connection."""
    layer = make_layer(sentinels.host)
    await layer.new_channel()

    def in_its_own_loop() -> None:
        async def main() -> None:
            await layer.send("elsewhere", {})
            await asyncio.sleep(1.2)
            for _ in range(3):
                await round_trip_on(layer, "elsewhere")

        asyncio.run(main())

    await asyncio.gather(*[asyncio.to_thread(in_its_own_loop) for _ in range(3)])
    sentinels.master.cut_connections()
    sentinels.sentinels[0].admin.execute_command("SENTINEL", "REMOVE", MASTER)
    await asyncio.sleep(1.2)
    await round_trip(layer)
    # One looks where the master is; since the first sentinel does not know now, as when it
    # takes the master for down for a second, another one is asked, too.
    await until(lambda: max(held(s) for s in sentinels.sentinels) == 1, "more than one is held")
    await layer.close()
    await until(lambda: not any(held(s) for s in sentinels.sentinels), "some are left")


def held(sentinel: RedisServer) -> int:
    """How many connections layers have to a sentinel; sentinels name theirs to one another."""
    return sum(not client["name"] for client in sentinel.connections())


@pytest.mark.parametrize("steps", range(4))
async def test_a_look_at_sentinels_that_is_cancelled_twice_leaves_nothing(
    sentinels: Watched, steps: int
) -> None:
    """As when a layer is closed, and then the loop."""
    (dialer,) = named_dialers([sentinels.host]).values()
    heard = asyncio.Event()
    looking = asyncio.ensure_future(dialer.watch(lambda _: heard.set()))
    await asyncio.wait_for(heard.wait(), LIMIT)
    looking.cancel()
    for _ in range(steps):
        await asyncio.sleep(0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    gc.disable()  # which would close what was left open
    try:
        await until(lambda: not any(held(s) for s in sentinels.sentinels), "some are left", 3)
    finally:
        gc.enable()


@pytest.mark.parametrize("turns", range(0, 40, 2))
async def test_whoever_is_cancelled_while_sentinels_are_asked_ends(
    sentinels: Watched, turns: int
) -> None:
    """Though redis-py, before Python 3.12, forgets that while it writes."""
    (dialer,) = named_dialers([sentinels.host]).values()
    looking = asyncio.ensure_future(dialer.watch(lambda _: None))
    dialling = asyncio.ensure_future(dialer.dial())
    for _ in range(turns):
        await asyncio.sleep(0)
    for sentinel in sentinels.sentinels:
        sentinel.pause()
    try:
        looking.cancel()
        dialling.cancel()
        # Before any of redis-py's own patience comes to an end.
        _, left = await asyncio.wait({looking, dialling}, timeout=1.5)
        assert not left
        if not dialling.cancelled():
            await dialling.result().disconnect()
    finally:
        for sentinel in sentinels.sentinels:
            sentinel.resume()


@pytest.mark.parametrize("silent", ["sentinels", "master", "nobody"])
def test_a_loop_that_ends_while_it_connects_anew_leaves_nothing(
    sentinels: Watched, make_layer: MakeLayer, silent: str
) -> None:
    """Its connections broke when its tasks had been cancelled already."""
    master = sentinels.master
    frozen = {"sentinels": sentinels.sentinels, "master": [master], "nobody": []}[silent]

    async def cut_at_the_end() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            master.cut_connections()
            for server in frozen:
                server.pause()
            await asyncio.sleep(0.1 if frozen else 0.001)  # they are seen to be gone

    async def serve() -> None:
        layer = make_layer(sentinels.host)
        await round_trip(layer)
        await asyncio.sleep(1.3)
        await round_trip(layer)  # from now on this loop has connections of its own
        cutting = asyncio.ensure_future(cut_at_the_end())
        await asyncio.sleep(0.3)
        assert not cutting.done()

    try:
        asyncio.run(serve())
    finally:
        for server in frozen:
            server.resume()


async def round_trip_on(layer: RedisChannelLayer, channel: str) -> None:
    await layer.send(channel, {})
    await asyncio.wait_for(layer.receive(channel), LIMIT)


async def test_no_sentinel_knows_the_master(sentinels: Watched, make_layer: MakeLayer) -> None:
    layer = make_layer({**sentinels.host, "master_name": "nobody"}, patience=2)
    with pytest.raises(StoreUnavailable, match="nobody"):
        await layer.send("work", {})
    with redis.Redis(port=sentinels.master.port) as client:
        assert client.ping()
