"""What a node does in the I/O thread besides calls: timers and tasks of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Chores:
    """Timers by name, and tasks; use it in the I/O thread."""

    def __init__(self, loop: Callable[[], asyncio.AbstractEventLoop]):
        self._loop = loop
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    def later(self, name: str, delay: float, callback: Callable[[], None]) -> None:
        """Call back in ``delay`` seconds, instead of when was said before under this name."""
        former = self._timers.pop(name, None)
        if former is not None:
            former.cancel()
        if not self._over:
            self._timers[name] = self._loop().call_later(delay, callback)

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do some work that takes calls."""
        task = self._loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """No timer any more; work that is under way goes on."""
        self._over = True
        for timer in self._timers.values():
            timer.cancel()
