"""What docs/redis.md says to operators holds: the ACL line, the table of options."""

import asyncio
import contextlib
import inspect
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.ports import free_port
from benchmarks.redis_server import RedisServer

import fairway.redis
from fairway.errors import StoreUnavailable
from fairway.redis import RedisChannelLayer

PAGE = Path(__file__).parents[1] / "docs" / "redis.md"
LIMIT = 15
FAST = {"heartbeat": 0.1, "lease": 2.0, "expiry": 2.0}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def acl_line() -> list[str]:
    (line,) = re.findall(r"^ACL SETUSER .*$", PAGE.read_text(), re.MULTILINE)
    return str(line).split()


async def test_the_acl_line_lets_a_layer_do_everything(server: RedisServer) -> None:
    assert server.admin.execute_command(*acl_line())
    host = f"redis://fairway:secret@127.0.0.1:{server.port}/0"
    layer, other = (RedisChannelLayer([host], **FAST) for _ in range(2))
    await everything(layer, other)
    await buries_a_node(layer, host, server)
    await survives_a_break(layer, server)
    await layer.close()
    await other.close()
    denied = {entry["object"] for entry in server.admin.acl_log() if entry["reason"] != "auth"}
    # redis-py introduces itself, and does without where it may not.
    assert denied <= {"client|setinfo", "client"}


@pytest.fixture
def cluster() -> Iterator[RedisServer]:
    """A cluster of one, which refuses scripts whose keys are in several slots."""
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with RedisServer(*options) as server:
        server.admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + LIMIT
        while "cluster_state:ok" not in str(server.admin.execute_command("CLUSTER", "INFO")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield server


async def test_a_layer_lives_on_a_node_of_a_cluster(cluster: RedisServer) -> None:
    layer, other = (RedisChannelLayer([cluster.url], **FAST) for _ in range(2))
    await everything(layer, other)
    await buries_a_node(layer, cluster.url, cluster)
    await layer.close()
    await other.close()


async def everything(layer: RedisChannelLayer, other: RedisChannelLayer) -> None:
    channel, foreign = await layer.new_channel(), await other.new_channel()
    await asyncio.sleep(1.2)  # this loop has its own connections from now on
    for member in (channel, foreign, "work"):
        await layer.group_add("chat", member)
    await layer.send(channel, {"n": 1})
    await asyncio.gather(*(layer.send(f"many.{layer.node}!{i}", {}) for i in range(3)))
    await layer.group_send("chat", {"n": 2})
    for n in (1, 2):
        assert await asyncio.wait_for(layer.receive(channel), LIMIT) == {"n": n}
    assert await asyncio.wait_for(other.receive("work"), LIMIT) == {"n": 2}
    assert sorted(await layer.group_channels("chat")) == sorted([channel, foreign, "work"])
    await layer.group_discard("chat", foreign)
    await layer.group_discard("chat", "work")
    await layer.send("slow", {})
    await asyncio.sleep(2.3)  # for longer than its message lasts
    await layer.forget_channel(channel)
    await layer.global_statistics()
    await layer.channel_statistics("slow")
    await layer.channel_statistics(foreign)
    await layer.flush()


async def survives_a_break(layer: RedisChannelLayer, server: RedisServer) -> None:
    """And ends with messages in hand, which go back."""
    channel = await layer.new_channel()
    server.admin.script_flush()
    server.cut_connections()
    deadline = time.monotonic() + LIMIT
    arrived = None
    while arrived is None:
        assert time.monotonic() < deadline
        with contextlib.suppress(StoreUnavailable):  # a call met the cut
            await layer.send(channel, {})
        _, arrived = await layer.receive_many([channel], timeout=0.2)
    server.admin.script_flush()
    await asyncio.gather(*(layer.send("work", {"n": n}) for n in range(20)))
    for _ in range(2):
        await asyncio.wait_for(layer.receive("work"), LIMIT)


def test_the_acl_line_has_every_command_of_the_scripts() -> None:
    scripts = (Path(fairway.redis.__file__).parent / "scripts").glob("*.lua")
    named = {
        call.group(1).lower() + ("|" + call.group(2).lower() if call.group(1) in FAMILIES else "")
        for script in scripts
        for call in re.finditer(r"\.p?call\('([A-Z]+)'(?:, '([A-Z]+)')?", script.read_text())
    }
    assert named
    assert named <= {part[1:] for part in acl_line() if part.startswith("+")}


#: Commands whose first argument is a command too.
FAMILIES = ("XGROUP", "XINFO", "SCRIPT")

IN_A_PROCESS = """
import asyncio, sys
from fairway.redis import RedisChannelLayer

async def main():
    layer = RedisChannelLayer([sys.argv[1]], heartbeat=0.1, lease=2.0)
    await layer.group_add("chat", await layer.new_channel())
    for n in range(9):
        await layer.send("work", {"n": n})
    await layer.receive("work")
    print(layer.node, flush=True)
    await layer.receive("nothing")

asyncio.run(main())
"""


async def buries_a_node(layer: RedisChannelLayer, host: str, server: RedisServer) -> None:
    """A process is killed while it holds messages."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_A_PROCESS, host, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    node = (await process.stdout.readline()).decode().strip()
    assert server.admin.zscore("{asgi}:nodes", node) is not None
    process.kill()
    await process.wait()
    deadline = time.monotonic() + LIMIT
    while server.admin.zscore("{asgi}:nodes", node) is not None:
        assert time.monotonic() < deadline
        await layer.global_statistics()
        await asyncio.sleep(0.1)


def test_the_table_names_every_option_with_its_default() -> None:
    listed = {}
    line = r"^\| (`\w+`(?:, `\w+`)*) \| `(.*?)` \|"
    for names, default in re.findall(line, PAGE.read_text(), re.MULTILINE):
        listed.update(dict.fromkeys(re.findall(r"\w+", names), default))
    parameters = inspect.signature(RedisChannelLayer).parameters.values()
    options = {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}
    assert listed.keys() == options.keys()
    for name, default in options.items():
        if name != "hosts":
            assert listed[name].replace('"', "'") == repr(default), name
