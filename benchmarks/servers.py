"""Servers that the layers need: private ones, on free ports, gone afterwards."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .database_servers import told_to_processes
from .ports import free_port

#: Stores that are databases of Django's.
DATABASES = ("postgresql", "sqlite", "mariadb", "mysql")

#: Seconds a server may take to start.
_PATIENCE = 20


@contextmanager
def servers_for(store: str, count: int) -> Iterator[list[str]]:
    """The addresses of ``count`` fresh servers of a store; none where it needs none."""
    with ExitStack() as stack:
        if store in DATABASES:
            stack.enter_context(database_for(store))
            store, count = "redis", 1  # for the peers beside
        needed = count if store == "redis" else 0
        yield [stack.enter_context(redis_server()) for _ in range(needed)]


@contextmanager
def database_for(store: str) -> Iterator[None]:
    """A fresh database, as the alias of the store's name in the processes started meanwhile."""
    with told_to_processes(store):
        yield


@contextmanager
def redis_server() -> Iterator[str]:
    """A redis-server that writes nothing to disk; its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed: sudo apt-get install redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as folder:
        command = [
            program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
            "--save", "", "--appendonly", "no", "--logfile", "redis.log",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_for_port(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE)


@contextmanager
def program(arguments: list[str]) -> Iterator[int]:
    """``python -m`` with these arguments, where ``{port}`` becomes a free one: the port."""
    port = free_port()
    filled = [argument.replace("{port}", str(port)) for argument in arguments]
    command = [sys.executable, "-m", *filled]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when something accepts connections on ``port``."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port} after {_PATIENCE} s")
