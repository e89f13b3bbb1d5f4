"""An interface server and a worker, each in a thread of its own, over one layer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ..errors import FairwayError
from ..hosting import SIGNALS_EVERY, Work, uvicorn_server
from ..server import InterfaceServer
from ..worker import Worker

#: Seconds that requests and consumers under way are given at the end: somebody is waiting.
GRACE = 5.0
#: Seconds that the worker is given to take the last events, such as disconnects.
_CATCHING_UP = 1.0
_A_MOMENT = 0.01


class Pair:
    """Serves what ``worker`` runs on a listening socket. The worker's layer is closed at the end.

    The worker's ``graceful_timeout`` is best :data:`GRACE`, which the server has.
    """

    def __init__(self, worker: Worker, listener: socket.socket):
        self.worker = worker
        self.layer = worker.layer
        self._server = uvicorn_server(InterfaceServer(self.layer), graceful_timeout=GRACE)
        self._listener = listener
        # What `run` waits for: that the worker is ready, that one of the two has ended, or
        # `stop`. Of all queues this one may be used in a signal handler.
        self._news: SimpleQueue[str] = SimpleQueue()

    def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Serve until :meth:`stop`, or until server or worker fails: then its error is raised."""
        try:
            self._run(on_ready)
        finally:
            asyncio.run(self.layer.close())

    def stop(self) -> None:
        """Have :meth:`run` finish what is under way and return. For any thread or signal."""
        self._news.put("stop")

    def _run(self, on_ready: Callable[[], None] | None) -> None:
        worker = self._start("fairway-worker", self._work)
        try:
            if self._next_news() == "ready":
                self._serve_until_news(on_ready)
        finally:
            self.worker.stop()
            worker.finish()

    def _serve_until_news(self, on_ready: Callable[[], None] | None) -> None:
        server = self._start("fairway-server", lambda: self._server.run(sockets=[self._listener]))
        if on_ready is not None:
            on_ready()
        self._next_news()
        self._server.should_exit = True
        server.finish()
        self._let_worker_catch_up()

    def _next_news(self) -> str:
        while True:
            try:
                return self._news.get(timeout=SIGNALS_EVERY)
            except Empty:
                continue  # signals that came meanwhile have been handled

    def _work(self) -> None:
        asyncio.run(self.worker.run(lambda: self._news.put("ready")))

    def _start(self, name: str, work: Callable[[], None]) -> Work:
        started = Work(name, work, on_end=lambda: self._news.put("ended"))
        started.start()
        return started

    def _let_worker_catch_up(self) -> None:
        """The server has said its last; a worker that is stopped now would not hear it."""
        until = time.monotonic() + _CATCHING_UP
        while self._has_events_waiting() and time.monotonic() < until:
            time.sleep(_A_MOMENT)

    def _has_events_waiting(self) -> bool:
        statistics = self.layer.blocking.channel_statistics
        try:
            return any(statistics(channel)["messages_pending"] for channel in self.worker.channels)
        except FairwayError:
            return False  # nothing to catch up with where the store is gone
