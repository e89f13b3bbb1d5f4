"""A client that leaves while something is on its way to it."""

import asyncio
from typing import Any

import pytest

from fairway.memory import InMemoryChannelLayer
from fairway.server import InterfaceServer
from server.serving import PATIENCE

SCOPE: dict[str, Any] = {
    "type": "websocket",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "scheme": "ws",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "client": ["127.0.0.1", 1],
    "server": ["127.0.0.1", 80],
    "subprotocols": [],
}


async def next_event(layer: InMemoryChannelLayer, channel: str) -> dict[str, Any]:
    _, event = await layer.receive_many([channel], timeout=PATIENCE)
    assert event is not None, f"there never was a {channel}"
    return event


class Client:
    """A WebSocket whose ``connect`` a consumer is done with."""

    def __init__(self, layer: InMemoryChannelLayer, **options: Any):
        self._layer = layer
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.got: asyncio.Queue[Any] = asyncio.Queue()
        server = InterfaceServer(layer, **options)
        self.serving = asyncio.ensure_future(server(SCOPE, self._events.get, self.got.put))

    async def connect(self) -> str:
        """The reply channel."""
        self._events.put_nowait({"type": "websocket.connect"})
        reply: str = (await next_event(self._layer, "websocket.connect"))["reply_channel"]
        await self._layer.send(reply, {"type": "fairway.done", "ack": 0})
        return reply

    def send(self, text: str) -> None:
        self._events.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self._events.put_nowait({"type": "websocket.disconnect", "code": 1001})


async def test_disconnect_is_sent_though_the_last_receipt_was_unread_when_the_client_left() -> None:
    """The receipt lies behind a frame that the client doesn't take."""
    layer = InMemoryChannelLayer()
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    stuck = asyncio.Event()

    async def send(event: dict[str, Any]) -> None:
        if event["type"] == "websocket.send":
            stuck.set()
            await asyncio.Event().wait()

    serving = asyncio.ensure_future(InterfaceServer(layer)(SCOPE, events.get, send))
    await events.put({"type": "websocket.connect"})
    reply = (await next_event(layer, "websocket.connect"))["reply_channel"]
    await layer.send(reply, {"accept": True, "type": "fairway.done", "ack": 0})
    await events.put({"type": "websocket.receive", "text": "ahoy"})
    order = (await next_event(layer, "websocket.receive"))["order"]
    await layer.send(reply, {"text": "ahoy"})
    await stuck.wait()
    await layer.send(reply, {"type": "fairway.done", "ack": order})
    await events.put({"type": "websocket.disconnect", "code": 1001})
    assert (await next_event(layer, "websocket.disconnect"))["code"] == 1001
    await serving


@pytest.mark.parametrize("frames", [["1"], ["1", "2"]])
async def test_disconnect_is_sent_though_the_last_receipt_never_comes(frames: list[str]) -> None:
    """It was lost with the data of a store, say; the worker lives."""
    layer = InMemoryChannelLayer()
    client = Client(layer, response_timeout=0.1, lease=1000)
    reply = await client.connect()
    client.send(frames[0])
    await next_event(layer, "websocket.receive")
    worker = await layer.new_channel("fairway.worker")
    await layer.send(reply, {"type": "fairway.taken", "worker": worker})
    for frame in frames[1:]:
        client.send(frame)
    client.leave()
    assert (await next_event(layer, "websocket.disconnect"))["code"] == 1001
    await client.serving


async def test_what_a_client_sent_before_it_left_waits_for_the_consumer_before() -> None:
    layer = InMemoryChannelLayer()
    client = Client(layer)
    reply = await client.connect()
    frames = ["1", "2", "3"]
    for frame in frames:
        client.send(frame)
    client.leave()
    for frame in frames:
        event = await next_event(layer, "websocket.receive")
        assert event["text"] == frame
        assert await layer.receive_many(["websocket.receive"], timeout=0.01) == (None, None)
        await layer.send(reply, {"type": "fairway.done", "ack": event["order"]})
    assert (await next_event(layer, "websocket.disconnect"))["code"] == 1001
    await client.serving


async def test_disconnect_is_sent_though_the_last_frame_expired() -> None:
    layer = InMemoryChannelLayer(expiry=1)
    client = Client(layer)
    await client.connect()
    await client.got.get()
    client.send("too late")
    client.leave()
    assert (await next_event(layer, "websocket.disconnect"))["code"] == 1001
    await client.serving


async def test_a_receipt_that_comes_twice_says_nothing_of_the_next_event() -> None:
    """So the worker that has that one in hand is still watched."""
    layer = InMemoryChannelLayer()
    client = Client(layer, lease=0.15)
    reply = await client.connect()
    client.send("ahoy")
    await next_event(layer, "websocket.receive")
    worker = await layer.new_channel("fairway.worker")
    await layer.send(reply, {"type": "fairway.taken", "worker": worker})
    await layer.send(reply, {"type": "fairway.done", "ack": 0})
    assert (await client.got.get())["type"] == "websocket.accept"
    assert (await client.got.get())["code"] == 1012
    client.leave()
    await client.serving
