"""A store that is away while an interface server and a worker have something to say."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from benchmarks.redis_server import RedisServer

from fairway.redis import RedisChannelLayer
from fairway.routing import Message, route
from fairway.server import InterfaceServer
from fairway.worker import Worker
from server.serving import without_lifespan
from server.test_parting import SCOPE
from waiting import until


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


@pytest.fixture
def store() -> Iterator[RedisServer]:
    with RedisServer(persistent=True) as server:
        yield server


@asynccontextmanager
async def layer_on(store: RedisServer) -> AsyncIterator[RedisChannelLayer]:
    layer = RedisChannelLayer(hosts=[store.url], patience=0.1)
    try:
        yield layer
    finally:
        await layer.close()


@asynccontextmanager
async def working(layer: RedisChannelLayer, target: Any) -> AsyncIterator[Worker]:
    worker = Worker(layer, target)
    running = asyncio.ensure_future(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


@asynccontextmanager
async def server_and_worker(store: RedisServer, target: Any) -> AsyncIterator[InterfaceServer]:
    """An interface server, and a worker that runs ``target``, as two nodes."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(layer_on(store))
        there = await stack.enter_async_context(layer_on(store))
        await stack.enter_async_context(working(there, target))
        yield InterfaceServer(here)


class Client:
    """A WebSocket's client, as a host shows it to an interface server."""

    def __init__(self, server: InterfaceServer, path: str = "/"):
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got: list[Any] = []
        serving = server({**SCOPE, "path": path}, self._events.get, self._take)
        self.serving = asyncio.ensure_future(serving)
        self._events.put_nowait({"type": "websocket.connect"})

    async def _take(self, event: Any) -> None:
        self.got.append(event)

    def send(self, text: str) -> None:
        self._events.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self._events.put_nowait({"type": "websocket.disconnect", "code": 1001})


def said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return any(words in record.getMessage() for record in caplog.records)


async def test_a_consumer_that_ends_in_an_outage_says_so_after_it(
    store: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    free = asyncio.Event()
    got: list[str] = []

    async def take(message: Message) -> None:
        got.append(message["text"])
        await free.wait()

    def part(message: Message) -> None:
        got.append("disconnect")

    routes = [route("websocket.receive", take), route("websocket.disconnect", part)]
    async with server_and_worker(store, routes) as server:
        client = Client(server)
        client.send("1")
        await until(lambda: got, "the first frame didn't arrive")
        store.kill()
        free.set()
        await until(lambda: said(caplog, "can't answer"), "the outage wasn't noticed")
        store.start()
        client.send("2")
        client.leave()
        whole = ["1", "2", "disconnect"]
        await until(lambda: got == whole, "the socket's events didn't go on")
        await client.serving


async def test_applications_hear_after_an_outage_that_their_clients_left_in_it(
    store: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Though their worker has another connection of that interface server."""
    present: set[str] = set()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        present.add(scope["path"])
        await receive()
        present.discard(scope["path"])

    async with server_and_worker(store, app) as server:
        clients = [Client(server, f"/{number}") for number in range(4)]
        await until(
            lambda: len(present) == 4 and all(client.got for client in clients),
            "not every socket was accepted",
        )
        staying, *leaving = clients
        store.kill()
        for client in leaving:
            client.leave()
        await asyncio.gather(*(client.serving for client in leaving))
        assert said(caplog, "websocket /3: ")
        store.start()
        await until(lambda: present == {"/0"}, "an application wasn't told that its client left")
        staying.leave()
        await staying.serving
