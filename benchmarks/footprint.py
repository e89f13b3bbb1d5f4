"""python -m benchmarks.footprint: the memory that a Redis server needs for what it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from fairway.redis import RedisChannelLayer
from redis import Redis

from .procedures import MESSAGE
from .servers import redis_server
from .sheet import Sheet, publish
from .subjects import PLENTY

_MANY = 5000


async def waiting_in_a_node(layer: RedisChannelLayer) -> int:
    """Messages of one process-specific channel whose process does not read: another's name."""
    channel = "specific.00000000000000!1"
    await asyncio.gather(*(layer.send(channel, MESSAGE) for _ in range(_MANY)))
    return _MANY


async def waiting_one_by_one(layer: RedisChannelLayer) -> int:
    """The same, each sent when the one before was stored."""
    for _ in range(_MANY):
        await layer.send("specific.00000000000000!1", MESSAGE)
    return _MANY


async def waiting_in_a_queue(layer: RedisChannelLayer) -> int:
    """Messages of one normal channel."""
    await asyncio.gather(*(layer.send("work", MESSAGE) for _ in range(_MANY)))
    return _MANY


async def channels(layer: RedisChannelLayer) -> int:
    """Channels that nothing waits in."""
    for _ in range(_MANY):
        await layer.new_channel()
    return _MANY


async def normal_channels(layer: RedisChannelLayer) -> int:
    """Normal channels with one message each."""
    await asyncio.gather(*(layer.send(f"work.{i}", MESSAGE) for i in range(_MANY)))
    return _MANY


async def members(layer: RedisChannelLayer) -> int:
    """Channels in one group."""
    for _ in range(_MANY):
        await layer.group_add("everybody", await layer.new_channel())
    return _MANY


async def groups(layer: RedisChannelLayer) -> int:
    """Groups with one member each."""
    channel = await layer.new_channel()
    await asyncio.gather(*(layer.group_add(f"room-{i}", channel) for i in range(_MANY)))
    return _MANY


WHAT: dict[str, Callable[[RedisChannelLayer], Awaitable[int]]] = {
    "a message waiting for a process, sent with others": waiting_in_a_node,
    "a message waiting for a process, sent alone": waiting_one_by_one,
    "a message waiting in a normal channel": waiting_in_a_queue,
    "a normal channel with one message": normal_channels,
    "a process-specific channel": channels,
    "a member of a large group": members,
    "a group with one member": groups,
}
_NODES = 20


def sheets() -> Iterator[Sheet]:
    """What was found."""
    lines: dict[str, list[float | str]] = {
        name: [asyncio.run(_bytes_each(fill))] for name, fill in WHAT.items()
    }
    lines["a process"] = [asyncio.run(_bytes_per_node())]
    yield Sheet("footprint", ["for", "bytes"], lines)


async def _bytes_each(fill: Callable[[RedisChannelLayer], Awaitable[int]]) -> float:
    with redis_server() as address:
        layer = _layer(address)
        await layer.new_channel()  # a node's own keys and connections are not what is counted
        await layer.send("work", MESSAGE)
        before = _memory(address)
        number = await fill(layer)
        used = _memory(address) - before
        await layer.close()
    return used / number


async def _bytes_per_node() -> float:
    """With its connections, as far as the server counts them, and a reader."""
    with redis_server() as address:
        before = _memory(address, connections=True)
        layers = [_layer(address) for _ in range(_NODES)]
        for layer in layers:
            await layer.group_add("everybody", await layer.new_channel())
            await layer.receive_many(["work"], timeout=0.05)
        used = _memory(address, connections=True) - before
        for layer in layers:
            await layer.close()
    return used / _NODES


def _layer(address: str) -> RedisChannelLayer:
    return RedisChannelLayer([address], capacity=PLENTY, inbox_capacity=PLENTY)


def _memory(address: str, *, connections: bool = False) -> float:
    with Redis.from_url(address) as client:
        used = client.info("memory")
    return float(used["used_memory"] - (0 if connections else used["mem_clients_normal"]))


if __name__ == "__main__":
    publish(sheets())
