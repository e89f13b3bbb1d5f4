"""WebSocket frames of any size, in messages of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...types import Message
from .flow import pieces


def fragments(frame: Mapping[str, Any]) -> Iterator[Message]:
    """``frame`` (ASGI: ``text`` or ``bytes``, the other absent or None) as messages in order.

    All but the last have ``more_content``.
    """
    key = "text" if frame.get("text") is not None else "bytes"
    content: Any = frame.get(key)
    for piece, more in pieces(b"" if content is None else content):
        message = {"type": frame["type"], key: piece}
        if more:
            message["more_content"] = True
        yield message


class Assembly:
    """Puts the fragments of one sender together again."""

    def __init__(self) -> None:
        self._pieces: list[Any] = []

    def add(self, message: Mapping[str, Any]) -> Message | None:
        """The whole frame, ``text`` or ``bytes``, that ends with ``message``; None before that."""
        key = "text" if message.get("text") is not None else "bytes"
        self._pieces.append(message[key])
        if message.get("more_content"):
            return None
        whole, self._pieces = self._pieces, []
        return {key: whole[0] if len(whole) == 1 else whole[0][:0].join(whole)}
