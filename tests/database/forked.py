"""Many processes on one database at once: forked, since starting Python anew takes longer.

python forked.py read ALIAS PREFIX COUNT CHANNEL: COUNT processes read until they are told
to end; each prints the numbers that it received.
python forked.py write ALIAS PREFIX COUNT CHANNEL: COUNT processes send 50 messages each.
python forked.py start ALIAS PREFIX COUNT: COUNT processes create the tables at once.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Coroutine

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import features_for
from fairway.errors import ChannelFull

#: So many processes take their time on a busy machine.
FAST = {"heartbeat": 0.3, "lease": 2.0, "patience": 60.0}

#: Seconds after which a child that hangs dies.
LIMIT = 240


async def read(layer: DatabaseChannelLayer, channel: str) -> None:
    got = []
    while True:
        message = await layer.receive(channel)
        if message.get("end"):
            break
        got.append(message["number"])
    await say(got)
    await layer.close()


async def write(layer: DatabaseChannelLayer, channel: str) -> None:
    for number in range(50):
        while True:
            try:
                await layer.send(channel, {"writer": os.getpid(), "number": number})
                break
            except ChannelFull:
                await asyncio.sleep(0.01)
    await layer.close()


async def start(layer: DatabaseChannelLayer) -> None:
    channel = await layer.new_channel()
    await layer.send(channel, {})
    await say([await layer.receive(channel)])
    await layer.close()


async def say(value: object) -> None:
    os.write(1, f"{json.dumps(value)}\n".encode())


async def hold(layer: DatabaseChannelLayer, channel: str) -> None:
    """Receive one message, with others taken ahead, and wait to be killed."""
    await say([os.getpid(), (await layer.receive(channel))["number"]])
    await asyncio.sleep(60)


TASKS = {"read": read, "write": write, "start": start, "hold": hold}


def main(task: str, alias: str, prefix: str, count: str, *channel: str) -> None:
    features_for(alias)  # loads Django's backend, once for all
    gate, opening = os.pipe()
    children = []
    for _ in range(int(count)):
        child = os.fork()
        if not child:
            signal.alarm(LIMIT)
            os.close(opening)
            os.read(gate, 1)  # all begin at once
            layer = DatabaseChannelLayer(alias, prefix, capacity=10_000, expiry=600, **FAST)
            work: Coroutine[None, None, None] = TASKS[task](layer, *channel)
            asyncio.run(work)
            os._exit(0)
        children.append(child)
    os.close(opening)
    sys.exit(any(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    main(*sys.argv[1:])
