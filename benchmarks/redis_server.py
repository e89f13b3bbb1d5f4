"""A private redis-server that can be killed, frozen, emptied and brought back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from .ports import free_port

#: Seconds a server may take to start, or to end.
PATIENCE = 30.0
#: The name of the connections that tests and the soak ask through.
ADMIN = "admin"


class RedisServer:
    """One ``redis-server`` on a free port, in a folder of its own. A context manager.

    ``persistent`` makes it keep its data over a kill; ``options`` are further command-line
    arguments. The port stays the same over restarts.
    """

    program = "redis-server"

    def __init__(self, *options: str, persistent: bool = False):
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="fairway-redis-"))
        self.persistent = persistent
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: redis.Redis | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    # -- life and death ---------------------------------------------------------------

    def start(self) -> float:
        """Start it; the monotonic time of its first PONG."""
        self._process = subprocess.Popen(
            self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        return self.wait_until_ready()

    def command(self) -> list[str]:
        """The command line."""
        return [
            self.program, "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self.folder), "--save", "", "--logfile", "log",
            "--appendonly", "yes" if self.persistent else "no",
            # Otherwise it may answer before it wrote, while the disk is busy.
            "--appendfsync", "always", *self._options,
        ]  # fmt: skip

    def wait_until_ready(self) -> float:
        """The monotonic time of the first PONG from now on."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                log = self.folder / "log"
                raise RuntimeError(
                    f"{self.program} ended: {log.read_text() if log.exists() else ''}"
                )
            if self._pings():
                return time.monotonic()
            time.sleep(0.005)
        raise RuntimeError(f"{self.program} does not answer on port {self.port}")

    def kill(self) -> None:
        """Kill it as a crash would."""
        self.disconnect()
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(timeout=PATIENCE)
            self._process = None

    def forget(self) -> None:
        """Lose the data, while it does not run."""
        for path in self.folder.glob("appendonly*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a :meth:`pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    # -- asking it ------------------------------------------------------------------------

    @property
    def admin(self) -> redis.Redis:
        """A client of our own, which no fault below ends."""
        if self._admin is None:
            self._admin = self.connect()
        return self._admin

    def connect(self) -> redis.Redis:
        """A new client."""
        return redis.Redis(port=self.port, client_name=ADMIN, socket_timeout=PATIENCE)

    def disconnect(self) -> None:
        """Drop the connection of :attr:`admin`."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def connections(self) -> list[dict[str, Any]]:
        """The connections of others."""
        clients: Iterable[dict[str, Any]] = self.admin.client_list()
        return [client for client in clients if client["name"] != ADMIN]

    def cut_connections(self) -> int:
        """Break every connection of others; how many there were."""
        found = self.connections()
        for client in found:
            self.admin.execute_command("CLIENT", "KILL", "ID", client["id"])
        return len(found)

    def _pings(self) -> bool:
        try:
            with redis.Redis(port=self.port, client_name=ADMIN, socket_timeout=1) as client:
                return bool(client.ping())
        except (redis.exceptions.RedisError, OSError):
            return False


@contextmanager
def servers(count: int, **arguments: Any) -> Iterator[list[RedisServer]]:
    """Several servers that live as long."""
    started: list[RedisServer] = []
    try:
        for _ in range(count):
            server = RedisServer(**arguments)
            started.append(server)
            server.start()  # before the next one looks for a port
        yield started
    finally:
        for server in started:
            server.__exit__(None, None, None)
