"""An HTTP request on its way to a worker, and the response on its way back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..types import Message
from .connection import Connection, logger
from .endings import Ending
from .protocol import GRACE
from .protocol.flow import pieces


class HttpConnection(Connection):
    """Streams both ways: the body as the application reads it, the response as the client does."""

    prefix: ClassVar[str] = "http.response"
    # A body goes to one worker, so its later parts wait until one has taken the request.
    first_window: ClassVar[int] = 0

    _is_heard = False
    _is_started = False
    _is_complete = False

    async def _first_event(self) -> Message | None:
        self._unsent: list[tuple[bytes, bool]] = []
        # Reading invites the client to send the body ("100 Continue"): not before a worker has
        # taken the request and not answered it at once.
        event = self._opening("http.request", body=b"", more_content=True)
        self._is_uninvited = any(name == b"expect" for name, _ in event["headers"])
        if self._is_uninvited:
            return event
        received = await self.client_receive()
        if received["type"] == "http.disconnect":
            return None
        (event["body"], event["more_content"]), *self._unsent = _parts(received)
        return event

    async def _submit(self, event: Message) -> Ending | None:
        self._has_more = event["more_content"]
        return await super()._submit(event)

    async def _converse(self) -> Ending:
        if not self._has_more:
            ending = await self._quick_answer()
            if ending is not None:
                return ending
        if not self.is_attended:
            self._deadline(self.terms.worker_timeout, Ending.UNATTENDED)
        return await self._both_ways()

    async def _quick_answer(self) -> Ending | None:
        """Most responses come soon and in one message: no tasks for those."""
        _, message = await self.layer.receive_many([self.reply], timeout=GRACE)
        return None if message is None else await self._guarded(self._handle(message))

    async def _watch(self) -> Ending:
        if self._is_uninvited:
            await self.link.room()
        for content, more in self._unsent:
            await self._pass_on(content, more)
        while (received := await self.client_receive())["type"] != "http.disconnect":
            for content, more in _parts(received):
                await self._pass_on(content, more)
        return Ending.GONE

    async def _pass_on(self, content: bytes, more: bool) -> None:
        await self.link.send(
            {"type": "http.request.body", "content": content, "more_content": more}
        )

    def _note(self, message: Message) -> None:
        self._is_heard = True
        super()._note(message)
        # An application may take as long as it likes; a consumer might have forgotten to answer.
        is_consumers = message.get("type") in ("fairway.taken", "fairway.done")
        if is_consumers and self.link.channel is None and not self._is_started:
            self._deadline(self.terms.response_timeout, Ending.UNANSWERED)

    async def _deliver(self, message: Message) -> Ending | None:
        if "status" in message:
            if self._is_started:
                logger.warning("%s: ignored a second response", self)
                return None
            await self._start(message["status"], message.get("headers", ()))
        elif "content" not in message:
            return None
        more = bool(message.get("more_content"))
        await self._send_body(message.get("content", b""), more)
        return None if more else Ending.COMPLETE

    async def _start(self, status: int, headers: Iterable[Any]) -> None:
        self._is_started = True
        if self.is_attended:
            self._no_deadline()
        await self.client_send(
            {"type": "http.response.start", "status": status, "headers": list(headers)}
        )

    async def _send_body(self, content: bytes, more: bool) -> None:
        self._is_complete = not more
        await self.client_send({"type": "http.response.body", "body": content, "more_body": more})

    async def _end(self, ending: Ending) -> None:
        # A response that has begun can only be cut: returning without completing it does that.
        if ending not in (Ending.COMPLETE, Ending.GONE) and not self._is_started:
            body = ending.text.encode()
            headers = [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
            ]
            await self._start(ending.status, headers)
            await self._send_body(body, False)

    @property
    def _is_settled(self) -> bool:
        return self._is_heard or not self.is_submitted

    def _farewell(self) -> tuple[Message, str | None] | None:
        kind = "http.disconnect"
        if self.link.channel is not None:
            return {"type": kind}, None
        if self.ending is Ending.GONE and self.is_submitted and not self._is_complete:
            return {"type": kind, "reply_channel": self.reply, "path": self.scope["path"]}, kind
        return None


def _parts(received: Any) -> list[tuple[bytes, bool]]:
    """A body event of ASGI as parts that fit into messages, each with whether more follow."""
    more = received.get("more_body", False)
    return [(part, follows or more) for part, follows in pieces(received.get("body", b""))]
