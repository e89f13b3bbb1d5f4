"""Readers of one normal channel share it, also when one alone could read all of it."""

import asyncio
from collections import Counter

from fairway.layer import ChannelLayer

SENT = 100
#: A store that is slow lets the late one have its share later.
ROUNDS = 20


async def require_sharing(early: ChannelLayer, late: ChannelLayer, sender: ChannelLayer) -> None:
    """``early`` has read a lot before and may take much ahead; ``late`` comes later."""
    got: Counter[str] = Counter()
    came = asyncio.Event()

    async def read(name: str, layer: ChannelLayer) -> None:
        while True:
            await layer.receive("jobs")
            got[name] += 1
            came.set()

    async def send() -> None:
        for n in range(SENT):
            came.clear()
            await sender.send("jobs", {"n": n})
            await came.wait()

    readers = [asyncio.ensure_future(read("early", early))]
    await asyncio.gather(*[sender.send("jobs", {}) for _ in range(90)])
    await send()
    got.clear()
    readers.append(asyncio.ensure_future(read("late", late)))
    for _ in range(ROUNDS):
        await send()
        if got["late"] > SENT / 10:
            break
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    assert got["late"] > SENT / 10, got
