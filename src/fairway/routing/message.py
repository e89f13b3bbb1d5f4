"""The message a consumer is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..layer import ChannelLayer
from ..types import Message as Content
from .names import Channel, ReplyChannel


class Message(Mapping[str, Any]):
    """A received message: a read-only mapping of its content, and where it came from.

    ``channel`` is the channel it stood in; ``reply_channel`` leads to the client of the
    connection it is about, and is None where there is none.
    """

    def __init__(self, channel: str, content: Content, *, layer: ChannelLayer | None = None):
        self.channel = Channel(channel, layer=layer)
        self.content = content
        reply = content.get("reply_channel")
        self.reply_channel: ReplyChannel | None = None
        if isinstance(reply, str):
            self.reply_channel = ReplyChannel(reply, layer=self.channel.layer)

    @property
    def is_answered(self) -> bool:
        """Whether a complete HTTP response was sent to the reply channel."""
        return self.reply_channel is not None and self.reply_channel.is_answered

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def __repr__(self) -> str:
        return f"<Message from {self.channel}: {', '.join(self.content)}>"
