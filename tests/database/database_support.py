"""What the tests of the database layer share."""

import asyncio
import time
from collections.abc import Callable

from fairway.database import DatabaseChannelLayer

#: So that leases lapse, and heartbeats come, within the length of a test.
FAST = {"heartbeat": 0.2, "lease": 1.0}

#: The aliases of every test that is to hold on all databases.
ALIASES = ["sqlite", "postgresql", "mariadb"]

MakeLayer = Callable[..., DatabaseChannelLayer]


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
