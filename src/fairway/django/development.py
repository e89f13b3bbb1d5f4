"""The server that Django's ``runserver`` runs when it is Fairway's."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ..dev import Pair
from ..hosting import stopping, url_of
from ..worker import Worker


class DevelopmentServer:
    """What ``runserver`` asks of its ``server_cls``; the handler it is given is a worker.

    ``on_ready`` is called with the address once requests are answered.
    """

    def __init__(
        self,
        address: tuple[str, int],
        handler_class: Any,
        *,
        ipv6: bool,
        on_ready: Callable[[str], None],
    ):
        family = socket.AF_INET6 if ipv6 else socket.AF_INET
        # Raises OSError, for which runserver has words.
        self._listener = socket.create_server(address, family=family, backlog=2048)
        self.server_port: int = self._listener.getsockname()[1]
        self._on_ready = on_ready
        self._ended = threading.Event()
        self._pair: Pair | None = None

    def set_app(self, worker: Worker) -> None:
        """Serve what this worker runs."""
        self._pair = Pair(worker, self._listener)

    def serve_forever(self) -> None:
        """Serve until :meth:`finish`; in the main thread until SIGINT or SIGTERM, too."""
        if self._pair is None:
            raise RuntimeError("set_app comes first")
        in_main_thread = threading.current_thread() is threading.main_thread()
        try:
            with self._listener, stopping(self._pair.stop) if in_main_thread else nullcontext():
                self._pair.run(lambda: self._on_ready(url_of(self._listener)))
        finally:
            self._ended.set()

    def finish(self) -> None:
        """Have what is under way finished; return when it is."""
        if self._pair is not None:
            self._pair.stop()
            self._ended.wait()


def show_requests_as_django_does() -> None:
    """Hand uvicorn's line for each request to the log of Django's own development server."""
    ours, django = logging.getLogger("uvicorn.access"), logging.getLogger("django.server")
    ours.handlers, ours.propagate = django.handlers, False
    ours.setLevel(logging.INFO)
    ours.addFilter(_with_status)


def _with_status(record: logging.LogRecord) -> bool:
    """Django colours the line by it."""
    if isinstance(record.args, tuple) and record.args:
        record.status_code = record.args[-1]
    return True
