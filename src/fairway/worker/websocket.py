"""A WebSocket in the hands of an ASGI application."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from ..server.asgi import Event
from ..server.protocol.flow import pieces
from ..server.protocol.frames import Assembly, fragments
from ..types import Message
from .session import Ground, Session, logger

_CONNECTING, _OPEN, _DENYING, _CLOSED = "connecting", "open", "denying", "closed"

#: What an application may send in which state, and the state that follows.
_STATES = {
    (_CONNECTING, "websocket.accept"): _OPEN,
    (_CONNECTING, "websocket.close"): _CLOSED,
    (_CONNECTING, "websocket.http.response.start"): _DENYING,
    (_DENYING, "websocket.http.response.body"): _DENYING,
    (_OPEN, "websocket.send"): _OPEN,
    (_OPEN, "websocket.close"): _CLOSED,
}


class WebSocketSession(Session):
    """Handshake, frames of any size in both directions, close codes."""

    last_event: ClassVar[str] = "websocket.disconnect"

    def __init__(self, ground: Ground, event: Message):
        super().__init__(ground, event)
        self._state = _CONNECTING
        self._is_connected = False
        self._assembly = Assembly()
        # The fragments of one frame stay together, whoever else sends.
        self._sending = asyncio.Lock()

    async def receive(self) -> Event:
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        while (message := await self.next_event()) is not None:
            frame = self._assembly.add(message)
            if frame is not None:
                return {"type": "websocket.receive", **frame}
        goodbye = self.disconnect or {}
        return {
            "type": "websocket.disconnect",
            "code": goodbye.get("code", 1005),
            "reason": goodbye.get("reason", ""),
        }

    async def send(self, message: Event) -> None:
        async with self._sending:
            following = _STATES.get((self._state, message["type"]))
            if following is None:
                raise RuntimeError(f"{message['type']!r} while the WebSocket is {self._state}")
            self.check_client()
            self._state = following
            for reply in _REPLIES[message["type"]](message):
                if not await self.reply(reply):
                    self.check_client()
        self._after(message)

    def _after(self, message: Event) -> None:
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self._state = _CLOSED
        if self._state is _CLOSED:
            code = message.get("code", 1000) if message["type"] == "websocket.close" else 1006
            self.end({"code": code, "reason": message.get("reason") or ""})

    async def finish(self) -> None:
        if self.link.is_closed:
            return
        if self._state is _OPEN:
            await self.send({"type": "websocket.close"})
        elif self._state is not _CLOSED:
            logger.error("the application returned without answering the handshake: %s", self)
            await self.fail()

    async def fail(self) -> None:
        if self._state is not _CLOSED and not self.link.is_closed:
            self._state = _CLOSED
            self.end({"code": 1011})
            await self.insist(partial(self.tell, {"type": "fairway.failed"}))

    async def stop(self) -> None:
        if self._state is not _CLOSED and not self.link.is_closed:
            self.end({"code": 1012})
            # What the application still sends, perhaps about what came before, is no mistake of
            # its own: to it, the client has gone.
            self.link.close()
            await self.insist(partial(self.tell, {"close": 1012}))

    def __str__(self) -> str:
        return f"WebSocket {self.event['path']}"


def _accepting(message: Event) -> list[Message]:
    reply = {"accept": True, "headers": list(message.get("headers", ()))}
    if message.get("subprotocol") is not None:
        reply["subprotocol"] = message["subprotocol"]
    return [reply]


def _closing(message: Event) -> list[Message]:
    reply = {"close": message.get("code", 1000)}
    if message.get("reason"):
        reply["reason"] = message["reason"]
    return [reply]


def _frame(message: Event) -> list[Message]:
    return [
        {key: value for key, value in part.items() if key != "type"} for part in fragments(message)
    ]


def _denial_start(message: Event) -> list[Message]:
    headers = list(message.get("headers", ()))
    return [{"status": message["status"], "headers": headers, "content": b"", "more_content": True}]


def _denial_body(message: Event) -> list[Message]:
    more = message.get("more_body", False)
    return [
        {"content": content, "more_content": follows or more}
        for content, follows in pieces(message.get("body", b""))
    ]


_REPLIES = {
    "websocket.accept": _accepting,
    "websocket.close": _closing,
    "websocket.send": _frame,
    "websocket.http.response.start": _denial_start,
    "websocket.http.response.body": _denial_body,
}
