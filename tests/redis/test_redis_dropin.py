"""Whatever CONFIG channels_redis takes: its layers and ours are made of it, and work."""

import asyncio
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from benchmarks.redis_sentinel import Watched, watched
from benchmarks.redis_server import RedisServer
from channels_redis.core import RedisChannelLayer as Core
from channels_redis.pubsub import RedisPubSubChannelLayer as PubSub
from channels_redis.pubsub import RedisPubSubLoopLayer
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis_support import MakeLayer
from test_redis_hosts import tls_server

from fairway.redis import RedisChannelLayer

LIMIT = 15


class Places(NamedTuple):
    """Where there are servers."""

    plain: RedisServer
    other: RedisServer
    guarded: RedisServer  # user "app", password "secret"
    folder: Path  # of the one with TLS and a unix socket
    tls_port: int
    watched: Watched

    @property
    def at(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.plain.port}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with ExitStack() as stack:
        plain, other, guarded = (stack.enter_context(RedisServer()) for _ in range(3))
        guarded.admin.acl_setuser(
            "app", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"],
            commands=["+@all"],
        )  # fmt: skip
        folder = tmp_path_factory.mktemp("tls")
        _, tls_port = stack.enter_context(tls_server(folder))
        yield Places(plain, other, guarded, folder, tls_port, stack.enter_context(watched()))


def url(server: RedisServer) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


#: Every form that its documentation has, and what its users write.
HOSTS: dict[str, Callable[[Places], Any]] = {
    "pair": lambda at: [("127.0.0.1", at.plain.port)],
    "pairs in a tuple": lambda at: (["127.0.0.1", at.plain.port],),
    "url": lambda at: [url(at.plain)],
    "url with options": lambda at: [f"{url(at.plain)}?health_check_interval=10&socket_timeout=3"],
    "url with a password": lambda at: [f"redis://app:secret@127.0.0.1:{at.guarded.port}/1"],
    "dict": lambda at: [at.at],
    "dict with an address": lambda at: [{"address": url(at.plain)}],
    "dict with an address and more": lambda at: [
        {"address": url(at.plain), "db": 3, "socket_timeout": 5, "health_check_interval": 30}
    ],
    "two servers": lambda at: [url(at.plain), ("127.0.0.1", at.other.port)],
    "unix socket": lambda at: [f"unix://{at.folder}/socket"],
    "TLS, self-signed": lambda at: [
        {
            "address": f"rediss://localhost:{at.tls_port}",
            "ssl_cert_reqs": None,
            "ssl_check_hostname": False,
        }
    ],
    "TLS by class": lambda at: [
        {
            "host": "localhost",
            "port": at.tls_port,
            "connection_class": SSLConnection,
            "ssl_cert_reqs": "required",
            "ssl_ca_certs": str(at.folder / "cert.pem"),
        }
    ],
    "Sentinel": lambda at: [at.watched.host],
    "Sentinel and more": lambda at: [
        {**at.watched.host, "db": 2, "sentinel_kwargs": {"socket_timeout": 2}, "client_name": "x"}
    ],
    "Sentinel and a plain server": lambda at: [at.watched.host, url(at.plain)],
    "arguments of a connection": lambda at: [
        {
            **at.at,
            "db": 1,
            "username": None,
            "password": None,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "socket_keepalive_options": {},
            "retry_on_timeout": True,
            "retry_on_error": [ConnectionError],
            "retry": Retry(ExponentialBackoff(), 3),
            "health_check_interval": 30,
            "client_name": "site",
            "encoding": "utf-8",
            "decode_responses": False,
            "protocol": 3,
            "max_connections": 10,
            "connection_class": Connection,
        }
    ],
}

BOTH: list[Any] = [Core, PubSub]

#: The other options; those that only one of the two layers has, with it.
OPTIONS: list[tuple[dict[str, Any], list[Any]]] = [
    ({"hosts": None, "prefix": "site", "expiry": 10, "group_expiry": 600}, []),
    ({"prefix": "my site"}, BOTH),
    ({"expiry": 5}, [Core]),
    ({"group_expiry": 600}, [Core]),
    ({"capacity": 1500}, [Core]),
    (
        {"channel_capacity": {"http.request": 200, re.compile(r"^websocket.send\!.+"): 20}},
        [Core],
    ),
    ({"symmetric_encryption_keys": ["a key", "an older key"]}, BOTH),
    ({"symmetric_encryption_keys": []}, BOTH),
    ({"serializer_format": "msgpack"}, BOTH),
    ({"serializer_format": "json"}, BOTH),
    ({"random_prefix_length": 0}, [Core]),
    ({"random_prefix_length": 16}, [Core]),
    ({"on_disconnect": "redis.disconnect"}, [PubSub]),
    ({"on_reconnect": "redis.reconnect"}, [PubSub]),
    ({"expiry": 5, "group_expiry": 600, "capacity": 1500}, BOTH),
]


async def round_trip(layer: Any, message: dict[str, Any]) -> None:
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    for send, name in ((layer.group_send, "room"), (layer.send, channel)):
        await send(name, message)
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == message
    await layer.group_discard("room", channel)


async def works(layer_class: Any, config: dict[str, Any]) -> None:
    layer = layer_class(**config)
    try:
        await round_trip(layer, {"type": "chat.message", "text": "ahoy", "n": [1, 2.5, None]})
    finally:
        await (layer.close() if layer_class is RedisChannelLayer else layer.flush())


@pytest.mark.parametrize("form", HOSTS)
async def test_hosts(places: Places, form: str) -> None:
    hosts = HOSTS[form](places)
    for layer_class in BOTH:
        # They lose messages on several servers, and leave their sentinels' connections open.
        if len(hosts) > 1 or "Sentinel" in form:
            layer_class(hosts=hosts)
        else:
            await works(layer_class, {"hosts": hosts})
    await works(RedisChannelLayer, {"hosts": hosts})


@pytest.mark.parametrize(("config", "theirs"), OPTIONS, ids=lambda value: str(value)[:60])
async def test_options(places: Places, config: dict[str, Any], theirs: list[Any]) -> None:
    if "hosts" in config:  # the usual place; nobody is there
        assert RedisChannelLayer(**config).expiry == Core(**config).expiry
        return
    for layer_class in (*theirs, RedisChannelLayer):
        await works(layer_class, {"hosts": [url(places.plain)], **config})


def test_no_option_is_forgotten() -> None:
    given = {"hosts"}.union(*(config for config, _ in OPTIONS))
    for layer_class in (Core, PubSub, RedisPubSubLoopLayer):
        parameters = inspect.signature(layer_class).parameters.values()
        named = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        assert named - {"channel_layer"} <= given


async def test_by_position(places: Places) -> None:
    """Who makes layers by hand may leave the names out."""
    given = ([url(places.plain)], "site", 30, 600, 5, {"a*": 7})
    theirs, ours = Core(*given), RedisChannelLayer(*given)
    for name in ("prefix", "expiry", "group_expiry", "capacity"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.get_capacity("abc") == theirs.get_capacity("abc") == 7


# -- what is accepted and has another meaning here -----------------------------------------------


@pytest.mark.parametrize("length", [0, 12])
async def test_equal_messages_are_two_without_random_prefixes(
    make_layer: MakeLayer, server: RedisServer, length: int
) -> None:
    layer = make_layer(server, random_prefix_length=length)
    for _ in range(2):
        await layer.send("work", {"n": 1})
    for _ in range(2):
        assert await asyncio.wait_for(layer.receive("work"), LIMIT) == {"n": 1}


async def test_what_json_can_say_arrives(make_layer: MakeLayer, server: RedisServer) -> None:
    """And bytes too, which channels_redis refuses then."""
    layer = make_layer(server, serializer_format="json")
    content = {"s": "é\u2028", "i": 2**53, "f": 0.1, "b": True, "n": None, "l": [{"d": {}}]}
    await round_trip(layer, content)
    await round_trip(layer, {"bytes": b"\x00\xff"})


async def test_a_connection_has_its_name(make_layer: MakeLayer, own_server: RedisServer) -> None:
    layer = make_layer({"address": own_server.url, "client_name": "site"})
    await round_trip(layer, {})
    assert {client["name"] for client in own_server.connections()} == {"site"}


async def test_the_documented_capacities(make_layer: MakeLayer, server: RedisServer) -> None:
    """Its example, which names channels without the part that is the process's own."""
    capacities = {
        "http.request": 200,
        "http.response!*": 10,
        re.compile(r"^websocket.send\!.+"): 20,
    }
    layer = make_layer(server, channel_capacity=capacities)
    assert layer.get_capacity("http.request") == 200
    assert layer.get_capacity(await layer.new_channel("http.response")) == 10
    assert layer.get_capacity(await layer.new_channel("websocket.send")) == 20
    assert layer.get_capacity(await layer.new_channel()) == 100
