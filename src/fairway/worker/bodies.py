"""Request bodies for consumers, which get them whole."""

from __future__ import annotations

from ..types import Message
from .http import HttpSession
from .session import Ground


class BodyTooLarge(Exception):
    """A body exceeds what a consumer is given at once."""


async def complete_body(ground: Ground, message: Message, limit: int) -> bool:
    """Read the rest of a request's body into ``message``; False if the client left before.

    Raises :class:`BodyTooLarge` beyond ``limit`` bytes.
    """
    if not message["more_content"]:
        return True
    session = HttpSession(ground, message)
    try:
        body = await _read(session, limit)
    finally:
        session.release()
    if body is not None:
        message.update(body=body, more_content=False)
    return body is not None


async def _read(session: HttpSession, limit: int) -> bytes | None:
    body = bytearray()
    more = True
    while more:
        event = await session.receive()
        if event["type"] == "http.disconnect":
            return None
        body += event["body"]
        if len(body) > limit:
            raise BodyTooLarge
        more = event["more_body"]
    return bytes(body)
