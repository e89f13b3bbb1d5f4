"""The layer's face for threads and plain scripts: the same contract without asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import errors
from .types import Message, Sendable, Statistics

if TYPE_CHECKING:
    from .layer import ChannelLayer


class BlockingLayer:
    """Synchronous methods of a layer; the names of the 2016 specification are there too.

    Each raises what its asynchronous namesake raises. Calling one in a thread that
    runs an event loop would stop that loop: await the layer's own methods there.
    See docs/classic.md.
    """

    ChannelFull = errors.ChannelFull
    MessageTooLarge = errors.MessageTooLarge

    def __init__(self, layer: ChannelLayer):
        self._layer = layer

    @property
    def extensions(self) -> list[str]:
        """The names of the optional parts of the contract, all of which are there."""
        return list(self._layer.extensions)

    @property
    def group_expiry(self) -> float | None:
        """Seconds a membership lasts after the last ``group_add``; None: as its owner."""
        return self._layer.group_expiry

    def send(self, channel: str, message: Sendable) -> None:
        """Put ``message`` into ``channel`` for one reader."""
        self._layer.store.run(self._layer.send(channel, message))

    def receive(self, channel: str, timeout: float | None = None) -> Message | None:
        """The next message of ``channel``; None after ``timeout`` seconds (default: waits)."""
        return self._receive([channel], timeout)[1]

    def receive_many(
        self, channels: Sequence[str], block: bool = False, *, timeout: float | None = None
    ) -> tuple[str, Message] | tuple[None, None]:
        """``(channel, message)`` from any of ``channels``, or ``(None, None)``.

        Without ``block``, only what is there already; with it, waits up to ``timeout``
        seconds (default: for ever).
        """
        return self._receive(channels, timeout if block else 0)

    def new_channel(self, prefix: str = "specific") -> str:
        """A name for a process-specific channel.

        ``prefix`` may also be a pattern of the 2016 specification's: ``"http.response!"``.
        """
        return self._layer.store.run(self._layer.new_channel(_prefix_of(prefix)))

    def group_add(self, group: str, channel: str) -> None:
        """Make ``channel`` a member of ``group``, or renew it."""
        self._layer.store.run(self._layer.group_add(group, channel))

    def group_discard(self, group: str, channel: str) -> None:
        """End a membership; quiet if there is none."""
        self._layer.store.run(self._layer.group_discard(group, channel))

    def group_send(self, group: str, message: Sendable) -> None:
        """Send to every channel of ``group``."""
        self._layer.store.run(self._layer.group_send(group, message))

    #: The 2016 specification's name.
    send_group = group_send

    def group_channels(self, group: str) -> list[str]:
        """The names of the channels in ``group``."""
        return self._layer.store.run(self._layer.group_channels(group))

    def global_statistics(self) -> Statistics:
        """Figures of all channels together."""
        return self._layer.store.run(self._layer.global_statistics())

    def channel_statistics(self, channel: str) -> Statistics:
        """Figures of one channel."""
        return self._layer.store.run(self._layer.channel_statistics(channel))

    def flush(self) -> None:
        """Forget all messages and groups in the store."""
        self._layer.store.run(self._layer.flush())

    def _receive(
        self, channels: Sequence[str], timeout: float | None
    ) -> tuple[str, Message] | tuple[None, None]:
        layer = self._layer
        readable = layer.readable(channels)
        while True:
            taken = layer.store.receive_blocking(readable, timeout)
            if taken is None:
                return None, None
            if (message := layer.decode(taken)) is not None:
                return taken[0], message


def _prefix_of(pattern: str) -> str:
    """What a new channel's name begins with: ``http.response`` for ``http.response!``,
    ``http.response!?`` and ``!http.response.?``, which the drafts of 2016 have in turn."""
    if not isinstance(pattern, str):
        return pattern  # which is refused, in words, as by the layer itself
    front = pattern.removesuffix("?")
    if front.endswith("!"):
        return front[:-1]
    if front.startswith("!"):
        return front[1:].rstrip(".")
    if front != pattern:
        raise errors.InvalidName(
            f"there are no single-reader channels such as {pattern!r}: whoever is to read makes "
            f"a process-specific channel, by new_channel('{front.rstrip('.')}!')"
        )
    return pattern
