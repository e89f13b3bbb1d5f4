"""Channels and groups as objects, the same in sync and in async consumers.

In a thread without an event loop, a call has done its work when it returns. Where a
loop runs, it has begun the work and returns an awaitable: await it to know the work
done or to catch its errors; not awaited, it is done before the consumer counts as
finished, and its error is the consumer's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Mapping
from typing import Any

from ..errors import ChannelFull, InvalidMessage
from ..layer import ChannelLayer
from ..server.protocol.flow import pieces
from ..server.protocol.link import pauses, send_patiently
from ..types import Message as Content
from .current import get_layer, note_begun

#: Seconds that a reply waits for a slow client before it raises ChannelFull.
PATIENCE = 30.0


class _Done(Awaitable[None]):
    """What a call returns that is finished already: awaiting it changes nothing."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


def _perform(
    now: Callable[[], None], later: Callable[[], Coroutine[Any, Any, None]]
) -> Awaitable[None]:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        now()
        return _Done()
    task = loop.create_task(later())
    note_begun(task)
    return task


class _Named:
    """Something of a layer with a name; ``layer`` defaults to the surrounding worker's."""

    def __init__(self, name: str, *, layer: ChannelLayer | None = None):
        self.name = name
        self.layer = layer or get_layer()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class Channel(_Named):
    """A channel that messages can be sent to."""

    def send(self, content: Mapping[str, Any]) -> Awaitable[None]:
        """Put a message into the channel.

        Raises what the layer's ``send`` raises, ``ChannelFull`` among it.
        """
        layer, channel, message = self.layer, self.name, dict(content)
        return _perform(
            lambda: layer.blocking.send(channel, message),
            lambda: layer.send(channel, message),
        )


class ReplyChannel(Channel):
    """The way back to a client. It is full when its client is slow, so ``send`` waits then,
    :data:`PATIENCE` seconds at most, before it raises ``ChannelFull``."""

    #: Whether a complete HTTP response was sent.
    is_answered = False

    def send(self, content: Mapping[str, Any]) -> Awaitable[None]:
        """Send a response, or a part of one, or what a WebSocket is to do.

        The content of a response may be of any size.
        """
        messages = list(_in_pieces(content))
        if "content" in content or "status" in content:
            self.is_answered = not content.get("more_content")
        return _perform(lambda: self._send_now(messages), lambda: self._send_later(messages))

    def _send_now(self, messages: list[Content]) -> None:
        for message in messages:
            _send_blocking(self.layer, self.name, message)

    async def _send_later(self, messages: list[Content]) -> None:
        for message in messages:
            await send_patiently(self.layer, self.name, message, PATIENCE)


class Group(_Named):
    """A set of channels that one message reaches."""

    def add(self, channel: Channel | str) -> Awaitable[None]:
        """Make ``channel`` a member, or renew its membership."""
        layer, group, member = self.layer, self.name, str(channel)
        return _perform(
            lambda: layer.blocking.group_add(group, member),
            lambda: layer.group_add(group, member),
        )

    def discard(self, channel: Channel | str) -> Awaitable[None]:
        """End a membership; quiet if there is none."""
        layer, group, member = self.layer, self.name, str(channel)
        return _perform(
            lambda: layer.blocking.group_discard(group, member),
            lambda: layer.group_discard(group, member),
        )

    def send(self, content: Mapping[str, Any]) -> Awaitable[None]:
        """Send a message to every member. One that is full misses it; the layer counts that."""
        layer, group, message = self.layer, self.name, dict(content)
        return _perform(
            lambda: layer.blocking.group_send(group, message),
            lambda: layer.group_send(group, message),
        )

    def channels(self) -> list[str]:
        """The members' names. Where an event loop runs: :meth:`achannels`."""
        return self.layer.blocking.group_channels(self.name)

    async def achannels(self) -> list[str]:
        """The members' names, for async consumers."""
        return await self.layer.group_channels(self.name)


def _send_blocking(layer: ChannelLayer, channel: str, message: Content) -> None:
    for pause in pauses(PATIENCE):
        try:
            return layer.blocking.send(channel, message)
        except ChannelFull:
            time.sleep(pause)
    return layer.blocking.send(channel, message)


def _in_pieces(content: Mapping[str, Any]) -> Iterator[Content]:
    """``content``, with the body of an HTTP response cut into pieces that fit into messages."""
    body = content.get("content")
    if body is None:
        yield dict(content)
        return
    if not isinstance(body, bytes):
        raise InvalidMessage(
            f"'content' of a response is a {type(body).__name__}; it is bytes: encode it"
        )
    head = {key: value for key, value in content.items() if key not in ("content", "more_content")}
    for piece, follows in pieces(body):
        more = follows or bool(content.get("more_content"))
        yield {**head, "content": piece, "more_content": more}
        head = {}
