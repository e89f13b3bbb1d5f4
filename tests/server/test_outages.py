"""A store that is away while an interface server and a worker have something to say."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from benchmarks.redis_server import RedisServer

from fairway.errors import StoreUnavailable
from fairway.layer import ChannelLayer
from fairway.redis import RedisChannelLayer
from fairway.routing import Message, route
from fairway.server import InterfaceServer
from fairway.server.protocol import WINDOW
from fairway.worker import Worker
from server.serving import without_lifespan
from server.test_parting import SCOPE
from waiting import eventually, until


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


@pytest.fixture
def store() -> Iterator[RedisServer]:
    with RedisServer(persistent=True) as server:
        yield server


async def found_store(layer: ChannelLayer) -> None:
    async def is_there() -> bool:
        try:
            await layer.send("nobody", {})
        except StoreUnavailable:
            return False
        return True

    await eventually(is_there, "a node didn't find the store")


async def has_message(layer: RedisChannelLayer, channel: str) -> bool:
    return (await layer.channel_statistics(channel))["messages_pending"] > 0


@asynccontextmanager
async def layer_on(store: RedisServer) -> AsyncIterator[RedisChannelLayer]:
    layer = RedisChannelLayer(hosts=[store.url], patience=0.5)
    try:
        await found_store(layer)
        yield layer
    finally:
        await layer.close()


@asynccontextmanager
async def working(layer: RedisChannelLayer, target: Any) -> AsyncIterator[None]:
    worker = Worker(layer, target)
    running = asyncio.ensure_future(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await running


@asynccontextmanager
async def site(store: RedisServer, target: Any) -> AsyncIterator[InterfaceServer]:
    """An interface server, and a worker that runs ``target``, as two nodes."""
    async with layer_on(store) as here, layer_on(store) as there, working(there, target):
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
    async with site(store, routes) as server:
        client = Client(server)
        client.send("1")
        await until(lambda: got, "the first frame didn't arrive")
        store.kill()
        free.set()
        await until(lambda: said(caplog, "can't answer"), "the outage wasn't noticed")
        store.start()
        await found_store(server.layer)
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

    async with site(store, app) as server:
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
        await found_store(server.layer)
        await until(lambda: present == {"/0"}, "an application wasn't told that its client left")
        staying.leave()
        await staying.serving


async def test_a_session_that_was_announced_in_an_outage_is_announced_after_it(
    store: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the interface server doesn't know where to say that the application may go on."""
    free = asyncio.Event()
    frames = 3 * WINDOW

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        store.kill()
        await free.wait()
        await send({"type": "websocket.accept"})
        for _ in range(frames):
            await send({"type": "websocket.send", "text": "ahoy"})
        await receive()

    async with layer_on(store) as here, layer_on(store) as there:
        client = Client(InterfaceServer(here))
        await eventually(partial(has_message, here, "websocket.connect"), "nothing was sent")
        await found_store(here)  # so it knows that the store took the event
        async with working(there, app):
            await until(lambda: said(caplog, "WebSocket /"), "the outage wasn't noticed")
            store.start()
            await found_store(here)
            await found_store(there)
            free.set()
            await until(lambda: len(client.got) == 1 + frames, "the application couldn't go on")
            client.leave()
            await client.serving


async def test_an_application_that_fails_in_an_outage_closes_its_socket_after_it(
    store: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    free = asyncio.Event()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await free.wait()
        raise ValueError("on purpose")

    async with site(store, app) as server:
        client = Client(server)
        await until(lambda: client.got, "the socket wasn't accepted")
        store.kill()
        free.set()
        await until(lambda: said(caplog, "WebSocket /: "), "the outage wasn't noticed")
        store.start()
        await until(lambda: len(client.got) == 2, "the socket wasn't closed")
        assert client.got[-1]["code"] == 1011
        client.leave()
        await client.serving
