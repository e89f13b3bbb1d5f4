"""A process of its own that uses a layer: python redis_child.py ROLE CONFIG (as JSON).

It says on standard output what it does, a line for each step.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

from fairway.redis import RedisChannelLayer


def say(*words: object) -> None:
    # Unbuffered, so that what was said before a kill -9 was said.
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


async def member(layer: RedisChannelLayer) -> None:
    """Joins a hundred groups with each of a hundred channels, and reads one message of `work`."""
    channels = [await layer.new_channel() for _ in range(100)]
    for channel in channels:
        await asyncio.gather(*[layer.group_add(f"group-{n}", channel) for n in range(100)])
    say("joined", *channels)
    say("got", (await layer.receive("work"))["n"])
    await asyncio.Event().wait()


async def worker(layer: RedisChannelLayer) -> None:
    """Reads `work`, a message at a time, until it is told to end; then closes."""
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    say("ready")
    ended = asyncio.ensure_future(ending.wait())
    while not ending.is_set():
        reading = asyncio.ensure_future(layer.receive("work"))
        await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            reading.cancel()
            await asyncio.wait({reading})
        if not reading.cancelled():
            say("got", reading.result()["n"])
            await asyncio.sleep(0.005)
    await layer.close()
    say("closed")


async def reader(layer: RedisChannelLayer) -> None:
    """Reads one channel of its own as fast as it can."""
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    say("channel", channel)
    while True:
        say("got", (await layer.receive(channel))["n"])


async def both(layer: RedisChannelLayer) -> None:
    """Reads a channel of its own and `work`, slower than they are written."""
    channel = await layer.new_channel()
    say("channel", channel)

    async def read(name: str) -> None:
        while True:
            say("got", (await layer.receive(name))["n"])
            await asyncio.sleep(0.02)

    await asyncio.gather(read(channel), read("work"))


def main(role: str, config: str) -> None:
    options: dict[str, Any] = json.loads(config)
    roles = {"member": member, "worker": worker, "reader": reader, "both": both}
    asyncio.run(roles[role](RedisChannelLayer(**options)))


if __name__ == "__main__":
    main(*sys.argv[1:])
