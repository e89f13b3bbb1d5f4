"""The background I/O thread: an event loop that lives as long as the engine needs it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from ..errors import LayerClosed

T = TypeVar("T")


class Home:
    """An event loop in a daemon thread of its own, begun by the first call.

    Once stopped it takes no more calls: they raise :class:`LayerClosed`.
    """

    def __init__(self, name: str):
        self._name = name
        # Reentrant, since garbage collection may call again while it is held.
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop; starts the thread if need be."""
        with self._lock:
            return self._loop or self._start()

    @property
    def is_running(self) -> bool:
        """Whether anything was ever asked of this thread."""
        return self._loop is not None

    def soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call ``callback`` in the loop, from any thread."""
        # With the lock held, so that whatever is taken on is done before the loop ends.
        with self._lock:
            (self._loop or self._start()).call_soon_threadsafe(callback, *arguments)

    def run(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(call, self.loop)

    def stop(self) -> None:
        """End the loop and wait for the thread, unless it is the caller."""
        with self._lock:
            self._stopped = True
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            if loop is None or thread is None:
                return
            loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join()

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._stopped:
            raise LayerClosed("the layer was closed")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._serve, args=(self._loop,), name=self._name, daemon=True
        )
        self._thread.start()
        return self._loop

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
