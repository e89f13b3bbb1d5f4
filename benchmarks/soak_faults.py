"""What the soak breaks, and how."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from .ledger import Ledger
from .redis_server import RedisServer
from .traffic import Traffic


@dataclass
class Scene:
    """What a fault may touch."""

    servers: list[RedisServer]
    config: Mapping[str, Any]
    traffic: Traffic
    ledger: Ledger
    dice: Random
    #: Processes killed while they received.
    kills: int = 0


@dataclass(frozen=True)
class Fault:
    """``loses_data``: the store forgets what it holds, so that its loss is no fault of ours."""

    do: Callable[[Scene], Awaitable[None]]
    loses_data: bool = False

    @property
    def name(self) -> str:
        return self.do.__name__.replace("_", " ")


async def connections_cut(scene: Scene) -> None:
    """CLIENT KILL of all connections, a few times."""
    for _ in range(scene.dice.randint(1, 10)):
        scene.dice.choice(scene.servers).cut_connections()
        await asyncio.sleep(0.2 * scene.dice.random())


async def killed_and_restarted(scene: Scene) -> None:
    """kill -9, and back with the data."""
    server = scene.dice.choice(scene.servers)
    server.kill()
    await asyncio.sleep(4 * scene.dice.random())
    await asyncio.to_thread(server.start)


async def killed_and_restarted_empty(scene: Scene) -> None:
    """kill -9, and back without the data."""
    server = scene.dice.choice(scene.servers)
    server.kill()
    server.forget()
    await asyncio.sleep(scene.dice.random())
    await asyncio.to_thread(server.start)


async def flushed(scene: Scene) -> None:
    """FLUSHALL."""
    await asyncio.to_thread(scene.dice.choice(scene.servers).admin.flushall)


async def frozen(scene: Scene) -> None:
    """SIGSTOP, and SIGCONT up to three seconds later."""
    server = scene.dice.choice(scene.servers)
    server.pause()
    await asyncio.sleep(3 * scene.dice.random())
    server.resume()


async def scripts_forgotten(scene: Scene) -> None:
    """SCRIPT FLUSH."""
    await asyncio.to_thread(scene.dice.choice(scene.servers).admin.script_flush)


async def memory_full(scene: Scene) -> None:
    """maxmemory reached, and memory again up to a second later."""
    admin = scene.dice.choice(scene.servers).admin
    await asyncio.to_thread(admin.config_set, "maxmemory", 1)
    await asyncio.sleep(scene.dice.random())
    await asyncio.to_thread(admin.config_set, "maxmemory", 0)


async def reader_killed(scene: Scene) -> None:
    """kill -9 of a process that reads the normal channel."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.soak_reader",
        json.dumps(scene.config), scene.traffic.normal, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    killing = asyncio.get_running_loop().call_later(0.5 + 2 * scene.dice.random(), process.kill)
    said, _ = await process.communicate()
    killing.cancel()
    for line in said.splitlines():
        scene.ledger.received(scene.traffic.normal, json.loads(line))
    scene.kills += 1


async def loops_come_and_go(scene: Scene) -> None:
    """Threads that send, each message from an event loop of its own."""
    channels = [scene.dice.choice(scene.traffic.specific) for _ in range(4)]

    def send(channel: str, sender: str) -> None:
        for _ in range(25):
            asyncio.run(scene.ledger.send(scene.traffic.sender, channel, sender))

    names = [f"thread {scene.dice.getrandbits(32):x}" for _ in channels]
    await asyncio.gather(*map(asyncio.to_thread, [send] * 4, channels, names))


FAULTS = [
    Fault(connections_cut),
    Fault(killed_and_restarted),
    Fault(killed_and_restarted_empty, loses_data=True),
    Fault(flushed, loses_data=True),
    Fault(frozen),
    Fault(scripts_forgotten),
    Fault(memory_full),
    Fault(reader_killed),
    Fault(loops_come_and_go),
]
