"""The demo in processes of their own: an interface server and workers, over a SQLite file."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..dev.pair import GRACE
from ..dev.reload import Child
from ..errors import FairwayError
from ..hosting import log_to_stderr, serve_until_stopped, stopping, work_until_stopped
from ..layer import ChannelLayer
from ..server import InterfaceServer
from ..worker import Worker

WORKERS = 2
#: The environment variable that names the SQLite file to the processes.
FILE = "FAIRWAY_DEMO_FILE"
#: Seconds between two looks at whether all processes live.
_LOOK_EVERY = 0.1

Ready = Callable[[], None]


class ProcessEnded(FairwayError):
    """A process of the demo ended that nobody told to."""


def run_apart(
    target: str, threads: int, listener: socket.socket, on_ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM, with ``threads`` in each worker. Main thread only.

    ``on_ready`` is told the folder of the SQLite file, which goes at the end. Raises
    :class:`ProcessEnded`.
    """
    stop = threading.Event()
    with stopping(stop.set), tempfile.TemporaryDirectory(prefix="fairway-demo-") as folder:
        file = os.path.join(folder, "demo.sqlite3")
        workers = [Child(work, target, threads, file) for _ in range(WORKERS)]
        server = Child(serve, listener, file)
        # The server ends first: what it says last, workers still hear.
        with _living([server, *workers]) as children:
            while not all(child.was_ever_ready for child in children) and not stop.is_set():
                _see(children, stop)
            if not stop.is_set():
                on_ready(folder)
            while not stop.is_set():
                _see(children, stop)


@contextmanager
def _living(children: list[Child]) -> Iterator[list[Child]]:
    started = []
    try:
        for child in children:
            child.start()
            started.append(child)
        yield children
    finally:
        for child in started:
            child.end()


def _see(children: list[Child], stop: threading.Event) -> None:
    """Wait a moment; nobody may have ended."""
    stop.wait(_LOOK_EVERY)
    for child in children:
        if not stop.is_set() and (code := child.new_exit_code()) is not None:
            raise ProcessEnded(f"a process of the demo ended with code {code}, see above")


def serve(listener: socket.socket, file: str, ready: Ready) -> None:
    """The life of the interface server's process."""
    interface = InterfaceServer(_layer(file))
    serve_until_stopped(interface, listener, graceful_timeout=GRACE, on_ready=ready)


def work(target: str, threads: int, file: str, ready: Ready) -> None:
    """The life of a worker's process."""
    worker = Worker(_layer(file), target, threads=threads, graceful_timeout=GRACE)
    work_until_stopped(worker, ready)


def _layer(file: str) -> ChannelLayer:
    """The layer by which this process reaches the others."""
    # Ctrl-C is for the process that started this one, which then ends it in turn.
    os.setpgrp()
    log_to_stderr("warning")
    os.environ.update({"DJANGO_SETTINGS_MODULE": "fairway.demo.settings", FILE: file})
    from ..database import DatabaseChannelLayer

    return DatabaseChannelLayer()
