"""What the tests of the Redis layer share."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from fairway.redis import RedisChannelLayer

#: So that leases lapse, and heartbeats come, within the length of a test.
FAST = {"heartbeat": 0.2, "lease": 1.0}

#: Seconds in which service is back after the server is: promised, and what a busy machine needs.
BACK_WITHIN = 2.0
SLACK = 3

MakeLayer = Callable[..., RedisChannelLayer]


def wait_for(condition: Callable[[], object], else_: str, patience: float = 20) -> None:
    """Return when ``condition()`` holds; fail with ``else_`` if it doesn't in time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, else_
        time.sleep(0.01)


async def until(condition: Callable[[], object], else_: str, patience: float = 20) -> None:
    """:func:`wait_for` in a coroutine."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, else_
        await asyncio.sleep(0.01)


async def eventually(
    condition: Callable[[], Awaitable[object]], else_: str, patience: float = 20
) -> None:
    """:func:`until` for a condition that is awaited."""
    deadline = time.monotonic() + patience
    while not await condition():
        assert time.monotonic() < deadline, else_
        await asyncio.sleep(0.01)
