"""Waits for a condition, with a generous deadline: no sleep stands for an event."""

import asyncio
import time
from collections.abc import Awaitable, Callable


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
