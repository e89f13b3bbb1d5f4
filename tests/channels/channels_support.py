"""What the tests of the drop-in for Channels share: backends, and processes on them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

HERE = Path(__file__).parent
PROJECT = HERE / "project"
PATIENCE = 60.0  # seconds; a busy machine may take its time

#: Channels' version, as far as it makes a difference.
CHANNELS = tuple(map(int, version("channels").split(".")[:2]))
BACKENDS = ["memory", "redis", "sqlite", "postgresql", "mariadb"]


@dataclass(frozen=True)
class Backend:
    """What a project's settings hold: an entry of CHANNEL_LAYERS, and of DATABASES."""

    name: str
    layer: dict[str, Any]
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_cross_process(self) -> bool:
        return self.name != "memory"

    def environment(self, folder: Path) -> dict[str, str]:
        """For a process of the project, whose own database is in ``folder``."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "dropin.settings",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DROPIN_FOLDER": str(folder),
            "DROPIN_LAYER": json.dumps(self.layer),
            "DROPIN_DATABASES": json.dumps(self.databases),
        }


def on_database(name: str, settings: dict[str, Any]) -> Backend:
    """The database layer; the alias is none that other tests of this process have."""
    alias = f"channels_{name}"
    layer = {"BACKEND": "fairway.database.DatabaseChannelLayer", "CONFIG": {"alias": alias}}
    return Backend(name, layer, {alias: settings})


def know(backend: Backend) -> None:
    """Make its databases known in this process."""
    from django.db import connections

    known = {alias: dict(entry) for alias, entry in backend.databases.items()}
    connections.settings.update(connections.configure_settings({"default": {}, **known}))


# -- processes ----------------------------------------------------------------------------------


class Process:
    """A Python program and all that it starts, gone at the end of the ``with`` block."""

    def __init__(self, *arguments: str, cwd: Path, env: dict[str, str], log: Path):
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], cwd=cwd, env=env, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        print(f"{self.log.name}:\n{self.said()}")  # shown where the test fails

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self) -> int:
        return self._process.wait(PATIENCE)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def listens_on(self, port: int) -> None:
        """Return when it does."""
        self.until(lambda: accepts(port), f"listens on port {port}")

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self._process.poll() is None, f"ended before it {what}:\n{self.said()}"
            assert time.monotonic() < deadline, f"never {what}:\n{self.said()}"
            time.sleep(0.05)


def finished(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end; everything it says is in ``stdout``."""
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=4 * PATIENCE,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    return ran


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- clients ------------------------------------------------------------------------------------


@contextmanager
def websocket(port: int, path: str) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{port}{path}", open_timeout=PATIENCE) as socket:
        yield socket


def received(socket: ClientConnection) -> str:
    return str(socket.recv(PATIENCE))
