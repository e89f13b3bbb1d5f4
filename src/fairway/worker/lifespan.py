"""An application's own start and end (ASGI lifespan specification 2.0)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..errors import FairwayError
from ..server.asgi import Application, Event

logger = logging.getLogger("fairway.worker")


class StartupFailed(FairwayError):
    """The application said, or showed by an error, that it could not start."""


class Lifespan:
    """Runs an application's lifespan in one task; an application without one has nothing to do.

    ``state`` is what the application put there at its start, for the scopes of all
    its connections.
    """

    def __init__(self, application: Application):
        self._application = application
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._answers: asyncio.Queue[Event] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Wait for the application's start; :class:`StartupFailed` if it fails."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            answer = await self._ask("lifespan.startup")
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if not answer:
            self._task = None
        elif answer["type"] == "lifespan.startup.failed":
            await self._end()
            raise StartupFailed(answer.get("message") or "the application's startup failed")

    async def stop(self) -> None:
        """Wait for the application's end, if it has one."""
        if self._task is None:
            return
        answer = await self._ask("lifespan.shutdown")
        if answer.get("type") == "lifespan.shutdown.failed":
            logger.error("the application's shutdown failed: %s", answer.get("message"))
        await self._end()

    async def _ask(self, kind: str) -> Event:
        await self._events.put({"type": kind})
        return await self._answers.get()

    async def _end(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})
            self._task = None

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._application(scope, self._events.get, self._answer)
        except Exception as error:
            # Applications without a lifespan refuse the scope by raising.
            logger.info("the application has no lifespan, or one that raised: %r", error)
        finally:
            self._answers.put_nowait({})

    async def _answer(self, message: Event) -> None:
        if not message["type"].startswith("lifespan."):
            raise RuntimeError(f"{message['type']!r} where an answer to a lifespan event belongs")
        await self._answers.put(message)
