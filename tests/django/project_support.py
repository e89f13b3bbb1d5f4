"""The project in `project/`, as a user runs it: commands in processes, browsers' requests."""

import hashlib
import json
import os
import re
import shutil
import signal
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


class Managed(Running):
    """A command, and the child of its reloader if it has one, which would outlive it."""

    def pids(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return [pid, *map(int, children.read_text().split())] if children.exists() else [pid]

    def __exit__(self, *error: Any) -> None:
        if self.process.poll() is None:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
        super().__exit__(*error)


def manage(*arguments: str, cwd: Path = PROJECT) -> Managed:
    """A command that goes on until it is stopped."""
    return Managed(*arguments, cwd=cwd, module="manage")


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


def check_pages(site: str) -> None:
    """Sessions, authentication, CSRF, uploads and streams are what Django makes of them."""
    with browser(site) as client:
        assert [client.get("/count").json()["visits"] for _ in range(3)] == [1, 2, 3]
        assert client.get("/who").text == "AnonymousUser"
        assert client.post("/form", data={"text": "x"}).status_code == 403
        token = client.get("/form").text
        assert client.post("/form", data={"text": "x", "csrfmiddlewaretoken": token}).text == "x"
        content = bytes(range(256)) * 20_000
        told = client.post("/upload", files={"file": ("a.bin", content)}).json()
        assert told == {
            "name": "a.bin",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        assert client.get("/nothing").status_code == 404
        assert client.get("/stream?n=300").text == "".join(f"{n:07}\n" * 1000 for n in range(300))


def until(
    condition: Callable[[], Any], what: Callable[[], str] | str, patience: float = 2 * PATIENCE
) -> Any:
    """The condition's value once it holds."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        told = what if isinstance(what, str) else what()
        assert time.monotonic() < deadline, f"not within {patience:g} seconds: {told}"
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
