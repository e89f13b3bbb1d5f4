"""A worker: reads events from a layer and runs an application or consumers for them."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from ..errors import ConfigurationError
from ..layer import ChannelLayer
from ..options import check_seconds
from ..routing.current import set_layer
from ..routing.routes import Routes
from ..server.asgi import Application
from ..server.protocol import LEASE
from ..types import Message
from .choosing import chosen_channels, make_host
from .consumers import Around, ConsumerHost
from .host import Job
from .pulse import Pulse
from .session import Ground
from .slots import Slots

logger = logging.getLogger("fairway.worker")

#: As many as Python's own executors have.
DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
DEFAULT_CONCURRENCY = 1000
DEFAULT_MAX_BODY = 16 * 1024 * 1024

#: Seconds that a stopping worker waits for the last messages of connections that are over.
_LAST_WORDS = 1.0


class Worker:
    """Runs ``target``, an ASGI 3 application, a list of routes or an import path of either.

    ``threads``: sync consumers that run at once. ``concurrency``: async consumers, or an
    application's requests, that run at once; open WebSockets of an application don't
    count. What is beyond that waits in the layer, for this worker or another.
    ``channels``: read only these of the channels that the target has a use for, ``exclude``:
    read all but these; names or globs. ``fallback``: beside routes, an ASGI application for
    the HTTP requests that no route matches. ``around_sync``: makes a context manager that a
    sync consumer runs within, in its thread.
    ``graceful_timeout``: seconds that running work is given to finish once stopped.
    ``lease``: seconds of silence after which an interface server counts as dead.
    ``max_body``: bytes of a request's body that a consumer is given; more is a 413.
    """

    def __init__(
        self,
        layer: ChannelLayer,
        target: Application | Routes | str,
        *,
        threads: int = DEFAULT_THREADS,
        concurrency: int = DEFAULT_CONCURRENCY,
        channels: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        fallback: Application | str | None = None,
        around_sync: Around = nullcontext,
        graceful_timeout: float = 30.0,
        lease: float = LEASE,
        max_body: int = DEFAULT_MAX_BODY,
    ):
        self.layer = layer
        limits = {"threads": threads, "tasks": concurrency}
        for pool, limit in limits.items():
            if limit < 1:
                key = "concurrency" if pool == "tasks" else pool
                raise ConfigurationError(f"{key} is {limit!r}; a worker needs 1 or more")
        self._slots = Slots(limits)
        self._is_short_of_room = False
        self._graceful_timeout = check_seconds("graceful_timeout", graceful_timeout)
        self._tasks: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._pulse = Pulse(layer, check_seconds("lease", lease))
        ground = Ground(layer, self._pulse, self._spawn)
        routes = partial(ConsumerHost, threads=threads, max_body=max_body, around_sync=around_sync)
        self._host = make_host(ground, target, fallback, routes)
        self.channels = chosen_channels(channels, exclude, self._host.channels)
        self._pools = {channel: self._host.pools(channel) for channel in self.channels}
        self._stop_requested = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- running ------------------------------------------------------------------------

    async def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Work until :meth:`stop`, then finish what runs. ``on_ready``: called before the first.

        Raises :class:`StartupFailed` if the application can't start, and the layer's
        error if reading from it failed for good.
        """
        self._loop = asyncio.get_running_loop()
        self._something_changed = asyncio.Event()
        set_layer(self.layer)
        await self._until_change(asyncio.ensure_future(self._host.start()))
        self._pulse.start()
        try:
            if on_ready is not None and not self._stop_requested.is_set():
                on_ready()
            await self._listen_until_stopped()
        finally:
            await self._wind_up()
            await self._host.close()

    def stop(self) -> None:
        """Have :meth:`run` finish what runs and return. Any thread may call it, any time."""
        self._stop_requested.set()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._something_changed.set)

    async def _listen_until_stopped(self) -> None:
        while not self._stop_requested.is_set():
            self._something_changed.clear()
            await self._until_change(asyncio.ensure_future(self._listen()))

    async def _until_change(self, work: asyncio.Future[None]) -> None:
        """Let ``work`` go on until it ends, or until it has to be decided anew what to do."""
        changed = asyncio.ensure_future(self._something_changed.wait())
        both: set[asyncio.Future[Any]] = {work, changed}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled(*both)
        if not work.cancelled():
            work.result()

    async def _listen(self) -> None:
        """Take messages while everything has room; with less room, until some is free again."""
        channels = self._readable()
        self._is_short_of_room = len(channels) < len(self.channels)
        while channels:
            channel, message = await self.layer.receive_many(channels)
            if channel is not None and message is not None:
                self._start(channel, message)
            if self._readable() != channels:
                return
        await self._something_changed.wait()

    def _readable(self) -> list[str]:
        return [
            channel for channel in self.channels if self._slots.have_room(self._host.pools(channel))
        ]

    # -- jobs -----------------------------------------------------------------------------

    def _start(self, channel: str, message: Message) -> None:
        try:
            job = self._host.job(channel, message)
        except Exception:
            logger.exception("ignored a message from %s that isn't one of its kind", channel)
            return
        if job.pool is not None:
            self._slots.take(job.pool)
        task = self._spawn(job.work)
        self._jobs.add(task)
        task.add_done_callback(lambda task: self._end(task, job))

    def _end(self, task: asyncio.Task[None], job: Job) -> None:
        self._jobs.discard(task)
        if job.pool is not None:
            self._slots.give_back(job.pool)
            if self._is_short_of_room:
                self._something_changed.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._report)
        return task

    def _report(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a connection was lost to an error", exc_info=task.exception())

    # -- the end ----------------------------------------------------------------------------

    async def _wind_up(self) -> None:
        await self._host.stop()
        if self._jobs:
            _, unfinished = await asyncio.wait(self._jobs, timeout=self._graceful_timeout)
            if unfinished:
                seconds = self._graceful_timeout
                logger.warning("cut what still ran after %g s: %d jobs", seconds, len(unfinished))
            await _cancelled(*unfinished)
        if self._tasks:
            # Sessions whose application has ended hear of it from their interface servers.
            await asyncio.wait(self._tasks, timeout=_LAST_WORDS)
        await _cancelled(*self._tasks)
        await self._pulse.stop()


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
