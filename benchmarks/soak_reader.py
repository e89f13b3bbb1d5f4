"""A process that reads a normal channel until it is killed: soak_reader CONFIG CHANNEL

It says each message that it received on standard output, as JSON, a line for each.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from fairway.redis import RedisChannelLayer


async def read(config: str, channel: str) -> None:
    """Read for ever."""
    layer = RedisChannelLayer(**json.loads(config))
    while True:
        message = await layer.receive(channel)
        # Unbuffered, so that what was said before a kill -9 was said.
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(read(*sys.argv[1:]))
