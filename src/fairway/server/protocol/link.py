"""One direction of a connection between interface server and worker, with its flow control."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from ...errors import ChannelFull
from ...layer import ChannelLayer
from ...types import Message
from .flow import Receipts, Window

#: Seconds between attempts: the first pause and, where a channel is full, the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25


def pauses(patience: float, longest: float = _LONGEST_PAUSE) -> Iterator[float]:
    """How long to wait before each further attempt, in all about ``patience`` seconds."""
    pause = _FIRST_PAUSE
    while patience > 0:
        yield pause
        patience -= pause
        pause = min(2 * pause, longest)


async def send_patiently(
    layer: ChannelLayer, channel: str, message: Message, patience: float
) -> None:
    """Send, waiting up to about ``patience`` seconds for room; then ``ChannelFull``.

    For messages about a connection that exists already: its reader is busy, not absent.
    """
    for pause in pauses(patience):
        try:
            return await layer.send(channel, message)
        except ChannelFull:
            await asyncio.sleep(pause)
    return await layer.send(channel, message)


class Link:
    """Sends numbered messages to the other side no faster than it deals with them.

    ``channel`` is where they go; until it is known, they wait. ``receipts`` are for what
    comes from there: they travel along with what is sent, or alone when due.
    """

    def __init__(
        self,
        layer: ChannelLayer,
        channel: str | None,
        *,
        window: Window,
        receipts: Receipts,
        patience: float,
    ):
        self.layer = layer
        self.channel = channel
        self.window = window
        self.is_closed = False
        self._receipts = receipts
        self._patience = patience
        self._changed: asyncio.Event | None = None  # there only while somebody waits

    async def send(self, message: Message, channel: str | None = None) -> bool:
        """Send ``message``, numbered, once there is room; False if the link was closed.

        ``channel`` is for events that go elsewhere than to the link's own channel.
        """
        if not await self.room():
            return False
        message["order"] = self.window.take()
        await self.tell(message, channel)
        return True

    async def room(self) -> bool:
        """Wait until one more message may be sent; False if the link was closed."""
        while not (self.is_closed or self.window.is_open):
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()
        return not self.is_closed

    async def tell(self, message: Message, channel: str | None = None) -> None:
        """Send ``message`` now and without a number."""
        target = channel or self.channel
        if target is None:
            return
        acknowledged = self._receipts.collect()
        if acknowledged is not None:
            message["ack"] = acknowledged
        await send_patiently(self.layer, target, message, self._patience)

    def connect(self, channel: str, window: int) -> None:
        """The other side named its channel: messages may go there, ``window`` at a time."""
        self.channel = channel
        self.window.size = window
        self._wake()

    def acknowledged(self, order: int) -> None:
        """The other side is done with everything up to ``order``."""
        self.window.acknowledge(order)
        self._wake()

    async def done(self, order: int) -> None:
        """This side is done with the message numbered ``order``."""
        self._receipts.done(order)
        if self._receipts.is_due and self.channel is not None:
            await self.tell({"type": "fairway.ack"})

    def close(self) -> None:
        """Nothing more will be sent: whoever waits for room is released."""
        self.is_closed = True
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
