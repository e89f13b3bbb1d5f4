"""What an interface server hears about an event that is in a consumer's hands."""

from __future__ import annotations

import asyncio
import logging

from ..errors import FairwayError
from ..server.protocol import GRACE
from ..server.protocol.link import send_patiently
from ..types import Message
from .session import PATIENCE, Ground

logger = logging.getLogger("fairway.worker")

#: Nobody waits to hear what became of other events.
_AWAITED = ("http.request", "websocket.connect", "websocket.receive")


class Receipt:
    """Says ``taken`` if the consumer takes longer than a moment, then ``done`` or ``failed``."""

    def __init__(self, ground: Ground, channel: str, message: Message):
        self._ground = ground
        self._order = message.get("order")
        self._reply: str | None = message.get("reply_channel") if channel in _AWAITED else None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def start(self) -> None:
        """The consumer begins."""
        if self._reply is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GRACE, lambda: self._ground.spawn(self._taken()))

    def stop(self) -> None:
        """The consumer has ended."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    async def _taken(self) -> None:
        if not self._is_over:  # else it would come after the last word on this event
            await self.say({"type": "fairway.taken", "worker": self._ground.pulse.control})

    @property
    def done(self) -> Message:
        """What to say once the consumer has returned."""
        return {"type": "fairway.done", "ack": self._order}

    @property
    def failed(self) -> Message:
        """What to say if the consumer raised."""
        return {"type": "fairway.failed", "ack": self._order}

    async def say(self, message: Message) -> None:
        """Send a reply, if anybody waits for one. Store trouble costs the reply, not the worker."""
        if self._reply is None or self._order is None:
            return
        try:
            await send_patiently(self._ground.layer, self._reply, message, PATIENCE)
        except FairwayError as error:
            logger.warning("can't answer %s: %s", self._reply, error)
