"""What an interface server hears about an event that is in a consumer's hands."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from ..errors import FairwayError
from ..server.protocol import GRACE
from ..server.protocol.link import send_patiently
from ..server.protocol.outages import Work, now_or_later
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
            self._timer = loop.call_later(GRACE, self._announce)

    def stop(self) -> None:
        """The consumer has ended."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _announce(self) -> None:
        self._ground.spawn(self._insist(self._say_taken))

    async def _say_taken(self) -> None:
        if not self._is_over:  # else it would come after the last word on this event
            await self._send({"type": "fairway.taken", "worker": self._ground.pulse.control})

    @property
    def done(self) -> Message:
        """What to say once the consumer has returned."""
        return {"type": "fairway.done", "ack": self._order}

    @property
    def failed(self) -> Message:
        """What to say if the consumer raised."""
        return {"type": "fairway.failed", "ack": self._order}

    async def say(self, message: Message) -> None:
        """Send a reply, if anybody waits for one: the last word on this event.

        Its socket waits for that word as long as this worker lives, so if the store is away
        it is said later, while the worker goes on with other events.
        """
        await self._insist(partial(self._send, message))

    async def _send(self, message: Message) -> None:
        if self._reply is not None and self._order is not None:
            await send_patiently(self._ground.layer, self._reply, message, PATIENCE)

    async def _insist(self, work: Work) -> None:
        await now_or_later(work, self._ground.spawn, self._report)

    def _report(self, error: FairwayError) -> None:
        logger.warning("can't answer %s: %s", self._reply, error)
