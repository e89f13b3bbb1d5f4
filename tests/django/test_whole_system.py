"""One interface server, two workers, and a store: a Django project as processes.

A worker is killed while requests come. Those that it had in hand are lost, and their clients
told; all others are answered by whoever is left, and nobody's socket closes.
"""

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.database_servers import PostgreSQLServer
from benchmarks.redis_server import RedisServer
from project_support import (
    ROUTES,
    browser,
    check_pages,
    database,
    finished,
    manage,
    opened,
    redis,
    said,
    sqlite,
    tell,
    until,
    url_said_by,
)

from cli.fairway_process import PATIENCE, Running

CLIENTS = 4
#: Seconds that an interface server gives workers: less than their default, for a test's sake.
WORKER_TIMEOUT = 15


@contextmanager
def three_redis_servers(folder: Path) -> Iterator[dict[str, Any]]:
    with RedisServer() as one, RedisServer() as two, RedisServer() as three:
        layers = redis(one.url, two.url, three.url)
        yield {"databases": sqlite(folder / "db.sqlite3"), "layers": layers}


@contextmanager
def postgresql(folder: Path) -> Iterator[dict[str, Any]]:
    with PostgreSQLServer() as server:
        yield {"databases": {"default": server.settings}, "layers": database(alias="default")}


@contextmanager
def one_file(folder: Path) -> Iterator[dict[str, Any]]:
    yield {"databases": sqlite(folder / "db.sqlite3"), "layers": database(alias="default")}


class Load:
    """Clients that ask, each for itself, again and again: who answers, and with which status."""

    def __init__(self, site: str):
        self._site = site
        self.pids: Counter[int] = Counter()
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    def __str__(self) -> str:
        return f"{dict(self.pids)}, {self.failures}"

    def _ask(self) -> None:
        with browser(self._site) as client:
            while not self._over.is_set():
                response = client.get("/pid", timeout=2 * PATIENCE)
                if response.status_code == 200:
                    self.pids[int(response.text)] += 1
                else:
                    self.failures.append(f"{response.status_code} {response.text}")


def worker_of(stack: ExitStack) -> Running:
    worker = stack.enter_context(manage("runworker"))
    worker.wait_for("Worker for")
    return worker


def ended(*processes: Running) -> None:
    for process in processes:
        process.send(signal.SIGTERM)
    assert [process.exit_code() for process in processes] == [0] * len(processes)


@pytest.mark.parametrize(
    "store", [three_redis_servers, postgresql, one_file], ids=lambda store: store.__name__
)
def test_requests_go_on_when_a_worker_is_killed(
    store: Callable[[Path], Any], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        tell(routing=ROUTES, **stack.enter_context(store(tmp_path)))
        migrated = finished("migrate", "-v0")
        assert migrated.returncode == 0, migrated.stdout
        options = ("--port", "0", "--worker-timeout", str(WORKER_TIMEOUT))
        interface = stack.enter_context(manage("runinterface", *options))
        site = url_said_by(interface)
        workers = {worker.process.pid: worker for worker in (worker_of(stack), worker_of(stack))}
        check_pages(site)
        sockets = [stack.enter_context(opened(site)) for _ in range(3)]
        assert said(sockets[0], "ahoy") == "ahoy"
        assert [client.recv(PATIENCE) for client in sockets[1:]] == ["ahoy"] * 2

        with Load(site) as load, HeldRequest(site, tmp_path / "go") as held:
            until(lambda: sum(load.pids.values()) > 50, lambda: f"they answer: {load}")
            victim = workers.pop(held.pid)
            victim.process.kill()
            late = worker_of(stack)
            workers[late.process.pid] = late
            before = load.pids.copy()
            until(
                lambda: sum((load.pids - before)[pid] for pid in workers) > 50,
                lambda: f"those of {[*workers]} go on: {load}",
            )
            assert held.response().status_code == 502
        # One request of each client was under way: those that the dead worker had are lost.
        assert len(load.failures) <= CLIENTS
        assert {failure[:3] for failure in load.failures} <= {"502", "503"}, load.failures
        for client in sockets:
            assert int(said(client, "who")) in workers
        ended(*workers.values(), interface)


class HeldRequest:
    """A request that a worker has in hand until there is a file: for ever."""

    def __init__(self, site: str, go: Path):
        self._site = site
        self._go = go
        self._answers: list[httpx.Response] = []
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "HeldRequest":
        self._thread.start()
        self.pid = int(until(self._holder, "a worker holds the request"))
        return self

    def __exit__(self, *_: object) -> None:
        self._go.touch()
        self._thread.join(2 * PATIENCE)

    def response(self) -> httpx.Response:
        self._thread.join(2 * PATIENCE)
        return self._answers[0]

    def _holder(self) -> str:
        held = self._go.with_suffix(".held")
        return held.read_text() if held.exists() else ""

    def _ask(self) -> None:
        with browser(self._site) as client:
            self._answers.append(client.get(f"/hold?until={self._go}", timeout=2 * PATIENCE))
