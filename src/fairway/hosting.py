"""What every command that runs servers or workers needs: a port, uvicorn, signals, a log."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from .errors import ConfigurationError
from .server import InterfaceServer
from .worker import Worker

if TYPE_CHECKING:
    import uvicorn

#: The signals that mean "finish what you are doing, and end".
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

#: Seconds that the main thread waits at a time. A signal that comes just before it begins to
#: wait doesn't wake it, so that a wait without an end could be one for ever.
SIGNALS_EVERY = 0.25


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 is any free one. ConfigurationError says why not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(_refusal(host, port, error)) from error


def _refusal(host: str, port: int, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code in (errno.EADDRNOTAVAIL, socket.EAI_NONAME):
        return (
            f"can't listen on {host!r}: that is no address of this machine; "
            "127.0.0.1 is for this machine alone, 0.0.0.0 for its whole network"
        )
    if code == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what listens there, or take another --port"
    if code == errno.EACCES:
        return f"port {port} on {host} is not for ordinary users; those take ports from 1024 on"
    return f"can't listen on {host}, port {port}: {error}"


def url_of(listener: socket.socket) -> str:
    """The address to visit in a browser on this machine."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def uvicorn_server(interface: InterfaceServer, *, graceful_timeout: float) -> uvicorn.Server:
    """uvicorn, to be run on a listening socket; setting ``should_exit`` ends it.

    ``graceful_timeout``: seconds that requests under way are given at the end.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "uvicorn is not installed: pip install 'fairway[server]' brings it"
        ) from error
    # It takes whole seconds only, and 0 would be none at all.
    timeout = max(1, round(graceful_timeout))
    return uvicorn.Server(
        uvicorn.Config(interface, log_config=None, lifespan="on", timeout_graceful_shutdown=timeout)
    )


def serve_until_stopped(
    interface: InterfaceServer,
    listener: socket.socket,
    *,
    graceful_timeout: float,
    on_ready: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way. Main thread only.

    ``on_ready`` is called once a signal ends it so.
    """
    server = uvicorn_server(interface, graceful_timeout=graceful_timeout)

    def stop() -> None:
        server.should_exit = True

    def serve() -> None:
        on_ready()
        try:
            server.run(sockets=[listener])
        finally:
            asyncio.run(interface.layer.close())

    run_until_stopped(serve, stop)


def work_until_stopped(worker: Worker, on_ready: Callable[[], None]) -> None:
    """Run a worker until SIGINT or SIGTERM, then finish what it runs. Main thread only.

    What it has taken ahead and not begun goes back to its layer, for other workers.
    """
    run_until_stopped(lambda: asyncio.run(_work(worker, on_ready)), worker.stop)


async def _work(worker: Worker, on_ready: Callable[[], None]) -> None:
    try:
        await worker.run(on_ready)
    finally:
        await worker.layer.close()


def run_until_stopped(work: Callable[[], None], stop: Callable[[], None]) -> None:
    """Do ``work``, which ``stop`` ends, until SIGINT or SIGTERM. Main thread only.

    It is done in another thread, so that no library takes the signals for itself.
    """
    thread = Work("fairway", work)
    with stopping(stop):
        thread.start()
        thread.finish()


@contextmanager
def stopping(
    stop: Callable[[], None], signals: Sequence[signal.Signals] = STOP_SIGNALS
) -> Iterator[None]:
    """Within it, the first of ``signals`` calls ``stop``; the next ends the process at once.

    Main thread only.
    """
    came: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if came:
            os._exit(128 + number)
        came.append(number)
        stop()

    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Work(threading.Thread):
    """A thread that keeps its error for whoever waits for its end, and calls ``on_end`` then.

    It doesn't keep the process alive: what never ends can't hinder the end of the rest.
    """

    def __init__(
        self, name: str, work: Callable[[], None], on_end: Callable[[], None] | None = None
    ):
        super().__init__(name=name, daemon=True)
        self._work = work
        self._on_end = on_end
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error
        finally:
            if self._on_end is not None:
                self._on_end()

    def finish(self) -> None:
        """Wait for its end, and raise what it raised."""
        while self.is_alive():
            self.join(SIGNALS_EVERY)
        if self._error is not None:
            raise self._error


def log_to_stderr(level: str, loggers: Sequence[str] = ("",)) -> None:
    """Show what is logged from ``level`` on, unless the program has its own idea of that.

    ``loggers``: only these, where another part of the program shows what it logs itself.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)-7s %(name)s: %(message)s"))
    for logger in map(logging.getLogger, loggers):
        if not logger.hasHandlers():
            logger.addHandler(handler)
            logger.setLevel(level.upper())
    if level != "debug":
        # Its comings and goings; what it serves is in its access log.
        uvicorn = logging.getLogger("uvicorn.error")
        uvicorn.setLevel(max(logging.WARNING, logging.getLogger("uvicorn").getEffectiveLevel()))
