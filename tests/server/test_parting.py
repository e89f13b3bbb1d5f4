"""A client that leaves while something is on its way to it."""

import asyncio
from typing import Any

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


async def test_disconnect_is_sent_though_the_last_receipt_was_unread_when_the_client_left() -> None:
    """The receipt lies behind a frame that the client doesn't take."""
    layer = InMemoryChannelLayer()
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    stuck = asyncio.Event()

    async def send(event: dict[str, Any]) -> None:
        if event["type"] == "websocket.send":
            stuck.set()
            await asyncio.Event().wait()

    async def next_event(channel: str) -> dict[str, Any]:
        _, event = await layer.receive_many([channel], timeout=PATIENCE)
        assert event is not None, f"there never was a {channel}"
        return event

    serving = asyncio.ensure_future(InterfaceServer(layer)(SCOPE, events.get, send))
    await events.put({"type": "websocket.connect"})
    reply = (await next_event("websocket.connect"))["reply_channel"]
    await layer.send(reply, {"accept": True, "type": "fairway.done", "ack": 0})
    await events.put({"type": "websocket.receive", "text": "ahoy"})
    order = (await next_event("websocket.receive"))["order"]
    await layer.send(reply, {"text": "ahoy"})
    await stuck.wait()
    await layer.send(reply, {"type": "fairway.done", "ack": order})
    await events.put({"type": "websocket.disconnect", "code": 1001})
    assert (await next_event("websocket.disconnect"))["code"] == 1001
    await serving
