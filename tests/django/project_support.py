"""The project in `project/`, as a user runs it: commands in processes, browsers' requests."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from cli.fairway_process import PATIENCE, Running

PROJECT = Path(__file__).parent / "project"
MEMORY = {"default": {"BACKEND": "fairway.memory.InMemoryChannelLayer"}}
ROUTES = "project_routing.routes"


def redis(*urls: str) -> dict[str, Any]:
    return {
        "default": {"BACKEND": "fairway.redis.RedisChannelLayer", "CONFIG": {"hosts": list(urls)}}
    }


def database(**config: Any) -> dict[str, Any]:
    return {"default": {"BACKEND": "fairway.database.DatabaseChannelLayer", "CONFIG": config}}


def sqlite(path: Path) -> dict[str, Any]:
    return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}}


def tell(**given: Any) -> None:
    """What the project's settings are from now on, in the processes started by this one."""
    os.environ["FAIRWAY_PROJECT"] = json.dumps(given)


def manage(*arguments: str, cwd: Path = PROJECT) -> Running:
    """A command that goes on until it is stopped."""
    return Running(*arguments, cwd=cwd, module="manage")


def finished(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command at its end; all it says is in ``stdout``."""
    return subprocess.run(
        [sys.executable, "-m", "manage", *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE * 2,
    )


def url_said_by(running: Running) -> str:
    """Where it serves, once it says so; Django's own line names no free port."""
    line = running.wait_for(r"(on|server) http://\S+[0-9],? .*")
    return re.search(r"http://[^ ,]+", line).group()


def opened(url: str, path: str = "/chat") -> ClientConnection:
    return connect(url.replace("http", "ws", 1) + path, open_timeout=PATIENCE)


def said(client: ClientConnection, text: str) -> str:
    """Ask and hear, through a consumer."""
    client.send(text)
    return str(client.recv(PATIENCE))


def browser(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=PATIENCE)


def until(condition: Callable[[], Any], what: str, patience: float = 2 * PATIENCE) -> Any:
    """The condition's value once it holds."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {patience:g} seconds: {what}"
        time.sleep(0.02)
    return value


def migrated(path: Path) -> Path:
    """A database file that has Django's tables."""
    tell(databases=sqlite(path), layers=MEMORY)
    done = finished("migrate", "-v0")
    assert done.returncode == 0, done.stdout
    return path


def copied(template: Path, folder: Path) -> Path:
    return Path(shutil.copy(template, folder / "db.sqlite3"))
