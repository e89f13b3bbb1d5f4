"""A WebSocket on its way to workers, and what they send on its way back."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from ..types import Message
from .asgi import Event
from .connection import Connection, logger
from .endings import Ending
from .protocol.frames import Assembly, fragments

_DEPARTURE = "websocket.disconnect"

#: Seconds to pass on what a client sent before it left.
_READING_TIME = 2.0

#: Frames kept for a socket (from a group, say) before it is accepted.
_MOST_HELD = 100


class WebSocketConnection(Connection):
    """Keeps the order of its events: the next goes out when the last is in hand or done with.

    With plain consumers, which may run in any worker, each event waits until the
    consumer of the one before has finished; ``connect`` comes first, ``disconnect`` last.
    """

    prefix: ClassVar[str] = "websocket.send"
    first_window: ClassVar[int] = 1

    _is_accepted = False
    _is_denied = False
    _is_closed = False
    _client_left = False

    async def _first_event(self) -> Message | None:
        received = await self.client_receive()
        if received["type"] != "websocket.connect":
            return None
        self._held: list[Message] = []
        self._assembly = Assembly()
        self._goodbye: Message = {}
        return self._opening("websocket.connect")

    async def _converse(self) -> Ending:
        self._deadline(self.terms.worker_timeout, Ending.UNATTENDED)
        return await self._both_ways()

    # -- from the client --------------------------------------------------------------

    async def _watch(self) -> Ending:
        received = await self.client_receive()
        while received["type"] != _DEPARTURE:
            received = await self._next_after(received)
        code, reason = received.get("code"), received.get("reason")
        self._goodbye = {"code": 1005 if code is None else code}
        if reason:
            self._goodbye["reason"] = reason
        return Ending.GONE

    async def _next_after(self, frame: Event) -> Event:
        """Pass ``frame`` on; what the client sent then."""
        if not self.link.window.is_open:
            return await self._next_meanwhile(frame)
        await self._pass_on(frame)
        return await self.client_receive()

    async def _next_meanwhile(self, frame: Event) -> Event:
        """Read while ``frame`` waits for room: that of a client that left won't wait for ever."""
        passing = asyncio.ensure_future(self._pass_on(frame))
        reading = asyncio.ensure_future(self.client_receive())
        both: set[asyncio.Future[Any]] = {passing, reading}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            has_left = reading.done() and reading.result()["type"] == _DEPARTURE
            await asyncio.wait({passing}, timeout=self.terms.response_timeout if has_left else None)
            if passing.done():
                passing.result()
            return await reading
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)

    async def _pass_on(self, frame: Event) -> None:
        # Only once there is room is it known whether events go to a session or to consumers.
        if await self.link.room():
            if self.link.channel is None:
                await self._pass_to_consumers(frame)
            else:
                for fragment in fragments(frame):
                    await self.link.send(fragment)

    async def _pass_to_consumers(self, frame: Event) -> None:
        content = {key: frame[key] for key in ("text", "bytes") if frame.get(key) is not None}
        self._deadline(self.terms.worker_timeout, Ending.UNATTENDED)
        await self.link.send(self._event("websocket.receive", content), "websocket.receive")

    def _event(self, kind: str, content: Message) -> Message:
        return {
            "type": kind,
            "reply_channel": self.reply,
            "path": self.scope["path"],
            **content,
        }

    # -- from workers -----------------------------------------------------------------

    def _note(self, message: Message) -> None:
        if message.get("type") == "fairway.done" and message["ack"] < self.link.window.last_order:
            return  # said again after an outage: another event is in somebody's hands by now
        super()._note(message)

    # -- to the client ----------------------------------------------------------------

    async def _deliver(self, message: Message) -> Ending | None:
        if "status" in message or self._is_denied:
            return await self._deny(message)
        frames = [key for key in ("text", "bytes") if message.get(key) is not None]
        if len(frames) > 1:
            logger.warning("%s: ignored a message with both text and bytes", self)
            return None
        if message.get("accept") or (frames and message.get("close")):
            await self._accept(message)
        if frames:
            await self._send_frame(message)
        if message.get("close") or message.get("accept") is False:
            return await self._close(message)
        if message.get("type") == "fairway.done":
            # A `connect` consumer that finished without an answer has nothing against it.
            await self._accept(message)
        return None

    async def _accept(self, message: Message) -> None:
        if self._is_accepted:
            return
        self._is_accepted = True
        acceptance: Event = {"type": "websocket.accept", "headers": message.get("headers", [])}
        if message.get("subprotocol"):
            acceptance["subprotocol"] = message["subprotocol"]
        await self._send(acceptance)
        held, self._held = self._held, []
        for frame in held:
            await self._send(frame)

    async def _send_frame(self, message: Message) -> None:
        # Fragments come from an application, numbered; a group's frames may come in between.
        whole = self._assembly.add(message) if "order" in message else message
        if whole is None:
            return
        key = "text" if whole.get("text") is not None else "bytes"
        frame = {"type": "websocket.send", key: whole[key]}
        if self._is_accepted:
            await self._send(frame)
        elif len(self._held) < _MOST_HELD:
            self._held.append(frame)
        else:
            logger.warning("%s: dropped a frame, %d wait for its acceptance", self, _MOST_HELD)

    async def _close(self, message: Message) -> Ending:
        code = message.get("close")
        await self._hang_up(1000 if code in (None, True, False) else code, message.get("reason"))
        return Ending.COMPLETE

    async def _hang_up(self, code: int, reason: str | None) -> None:
        self._is_closed = True
        self._goodbye = {"code": code}
        farewell: Event = {"type": "websocket.close", "code": code}
        if reason:
            farewell["reason"] = self._goodbye["reason"] = reason
        await self._send(farewell)

    async def _deny(self, message: Message) -> Ending | None:
        """Answer the handshake with an HTTP response (ASGI extension websocket.http.response).

        Where the host can't, it is a plain refusal.
        """
        if not self._can_deny:
            return await self._close(message)
        if "status" in message:
            self._is_denied = True
            await self._start_denial(message["status"], message.get("headers", []))
        more = bool(message.get("more_content"))
        await self._send_denial(message.get("content", b""), more)
        return None if more else Ending.COMPLETE

    async def _start_denial(self, status: int, headers: list[Any]) -> None:
        self._is_closed = True
        await self._send(
            {"type": "websocket.http.response.start", "status": status, "headers": headers}
        )

    async def _send_denial(self, content: bytes, more: bool) -> None:
        await self._send(
            {"type": "websocket.http.response.body", "body": content, "more_body": more}
        )

    async def _send(self, event: Event) -> None:
        """Send to the client. If it left, its last frames and its goodbye are still to be read,
        but not for ever: an application that doesn't read would never know."""
        if self._client_left:
            return
        try:
            await self.client_send(event)
        except OSError:
            self._client_left = True
            self._deadline(_READING_TIME, Ending.GONE)

    # -- the end ----------------------------------------------------------------------

    async def _end(self, ending: Ending) -> None:
        if ending is Ending.GONE or self._is_closed:
            return
        if self._is_accepted or not self._can_deny:
            await self._hang_up(ending.code, ending.text)
        else:
            await self._start_denial(ending.status, [(b"content-type", b"text/plain")])
            await self._send_denial(ending.text.encode(), False)

    @property
    def _can_deny(self) -> bool:
        return "websocket.http.response" in (self.scope.get("extensions") or {})

    @property
    def _is_settled(self) -> bool:
        return (
            not self.is_submitted
            or self.link.channel is not None
            or self.link.window.is_open
            or self.ending is Ending.LOST
        )

    def _farewell(self) -> tuple[Message, str | None] | None:
        if not self.is_submitted:
            return None
        goodbye = {
            "type": _DEPARTURE,
            "order": self.link.window.take(),
            **(self._goodbye or {"code": self.ending.code}),
        }
        if self.link.channel is not None:
            return goodbye, None
        if self._is_accepted or self.ending is not Ending.COMPLETE:
            return self._event(_DEPARTURE, goodbye), _DEPARTURE
        return None
