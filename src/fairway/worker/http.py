"""An HTTP request in the hands of an ASGI application."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from ..server.asgi import Event
from ..server.protocol.flow import pieces
from ..types import Message
from .session import Session, logger


class HttpSession(Session):
    """A request body as it arrives, a response as it is made."""

    last_event: ClassVar[str] = "http.disconnect"

    _has_body = True  # the first part, which came with the request, is still unread
    _is_started = False
    _is_complete = False
    _head: Message | None = None  # status and headers, until there is a body to go with them

    async def receive(self) -> Event:
        if self._has_body:
            self._has_body = False
            return self._body(self.event["body"])
        if self.event["more_content"] and not self._is_complete:
            # Its later parts need to know where to go.
            await self.insist(self.speak_up)
        message = await self.next_event()
        if message is None:
            return {"type": "http.disconnect"}
        self.event["more_content"] = message["more_content"]
        return self._body(message["content"])

    def _body(self, content: bytes) -> Event:
        return {"type": "http.request", "body": content, "more_body": self.event["more_content"]}

    async def send(self, message: Event) -> None:
        if self._is_complete:
            raise RuntimeError(f"{message['type']!r} after the response was complete")
        if not self._is_started:
            self._start(message)
        elif message["type"] == "http.response.body":
            await self._send_body(message)
        else:
            raise RuntimeError(f"{message['type']!r} where 'http.response.body' belongs")

    def _start(self, message: Event) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"{message['type']!r} where 'http.response.start' belongs")
        self._is_started = True
        self._head = {"status": message["status"], "headers": list(message.get("headers", ()))}
        if self.channel is not None:
            self.wait_a_moment()

    async def _send_body(self, message: Event) -> None:
        more_to_come = message.get("more_body", False)
        if not more_to_come:
            self._is_complete = True
        if self.check_client():
            for content, follows in pieces(bytes(message.get("body", b""))):
                await self._reply(content, follows or more_to_come)
        if self._is_complete:
            self.end({"type": "http.disconnect"})

    async def _reply(self, content: bytes, more: bool) -> None:
        head, self._head = self._head or {}, None
        reply = {**head, "content": content, "more_content": more}
        if head and not more and self.channel is None:
            # All in one message, as most are: nothing to number or to acknowledge.
            await self.link.tell(reply)
        elif not await self.reply(reply):
            self.check_client()

    async def speak_up(self) -> None:
        if self._is_complete:
            return  # announced now, nobody would ever say that the session is over
        await super().speak_up()
        if self._head is not None:
            # The body takes its time: let the client have the head.
            await self._reply(b"", True)

    async def finish(self) -> None:
        if not self._is_complete and not self.link.is_closed:
            what = "completing" if self._is_started else "starting"
            logger.error("the application returned without %s a response: %s", what, self)
            await self.fail()

    async def fail(self) -> None:
        if not self._is_complete:
            self.end({"type": "http.disconnect"})
            tell = self.link.tell if self.channel is None else self.tell
            await self.insist(partial(tell, {"type": "fairway.failed"}))

    def __str__(self) -> str:
        return f"{self.event['method']} {self.event['path']}"
