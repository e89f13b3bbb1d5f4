"""Real servers for tests: uvicorn in a thread, an application straight or through a layer."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn

from fairway.memory import InMemoryChannelLayer
from fairway.server import InterfaceServer
from fairway.worker import Worker

PATIENCE = 30.0  # seconds that anything a test waits for may take


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """The condition's value once it is true; fails the test if it never is."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} didn't come true in {PATIENCE:g} s"
        time.sleep(0.005)
    return value


def without_lifespan(app: Any) -> Any:
    """``app`` as one that refuses the lifespan scope, like Django."""

    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise ValueError("no lifespan here")
        await app(scope, receive, send)

    return refusing


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[str]:
    """``host:port`` of a uvicorn that serves ``app``."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=5, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), "the server's start")
        yield "{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive(), "the server didn't stop"


@contextmanager
def working(layer: Any, target: Any, **options: Any) -> Iterator[Worker]:
    """A worker in a thread of its own; its errors come up when it ends."""
    worker = Worker(layer, target, **options)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(worker.run())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the worker didn't stop"
    if errors:
        raise errors[0]


@dataclass
class Site:
    """An interface server and a worker over one layer."""

    host: str
    layer: InMemoryChannelLayer
    worker: Worker | None = None

    @property
    def http(self) -> str:
        return f"http://{self.host}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}"


def come_and_go(its: Site, channel: str, head: str = "") -> None:
    """Be a client that asks, with these lines in the head, and leaves once its event waits."""
    with socket.create_connection(its.host.split(":")) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: {its.host}\r\n{head}\r\n".encode())
        pending = partial(its.layer.blocking.channel_statistics, channel)
        wait_until(lambda: pending()["messages_pending"] == 1, f"an event on {channel}")


@contextmanager
def site(
    target: Any,
    *,
    layer: InMemoryChannelLayer | None = None,
    server: dict[str, Any] | None = None,
    worker: dict[str, Any] | None = None,
    uvicorn: dict[str, Any] | None = None,
) -> Iterator[Site]:
    """``target`` behind an interface server; without a target, there is no worker."""
    layer = layer or InMemoryChannelLayer()
    with serving(InterfaceServer(layer, **(server or {})), **(uvicorn or {})) as host:
        if target is None:
            yield Site(host, layer)
        else:
            with working(layer, target, **(worker or {})) as its_worker:
                yield Site(host, layer, its_worker)
