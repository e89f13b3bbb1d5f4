"""One connection of an ASGI application that runs in this worker."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from ..errors import FairwayError, LayerClosed, StoreUnavailable
from ..layer import ChannelLayer
from ..server.asgi import Event
from ..server.protocol import GRACE, WINDOW
from ..server.protocol.flow import Receipts, Window
from ..server.protocol.link import Link
from ..server.protocol.outages import Work, now_or_later
from ..types import Message
from .pulse import Pulse

logger = logging.getLogger("fairway.worker")

T = TypeVar("T")

#: Seconds a message may wait for room in a full channel before its connection is given up.
PATIENCE = 30.0


class ClientDisconnected(OSError):
    """What an application's ``send`` raises once its client has gone (ASGI spec version 2.4)."""

    def __init__(self) -> None:
        super().__init__("the client has gone")


@dataclass(frozen=True)
class Ground:
    """What the connections that one worker has in hand share."""

    layer: ChannelLayer
    pulse: Pulse
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Session(ABC):
    """Gives an application its ``receive`` and ``send`` over messages.

    Until it is *announced* the interface server knows nothing of this session: a short
    request is answered by one message and never is. Announced, it has a channel, to which
    all later events of the connection come; the last of them is ``last_event``.
    """

    last_event: ClassVar[str]

    def __init__(self, ground: Ground, event: Message):
        self.ground = ground
        self.event = event
        self.layer = ground.layer
        reply = event["reply_channel"]
        self.link = Link(
            ground.layer,
            reply,
            window=Window(min(WINDOW, ground.layer.get_capacity(reply))),
            receipts=Receipts(WINDOW),
            patience=PATIENCE,
        )
        #: The session's own channel, once it is announced or was tried to be.
        self.channel: str | None = None
        self._is_announced = False
        #: How the connection ended, once it has.
        self.disconnect: Message | None = None
        self._inbox: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self.wait_a_moment()

    # -- what the application sees ----------------------------------------------------

    @abstractmethod
    async def receive(self) -> Event:
        """ASGI's ``receive``."""

    @abstractmethod
    async def send(self, message: Event) -> None:
        """ASGI's ``send``."""

    # -- what the worker does with it -------------------------------------------------

    @abstractmethod
    async def finish(self) -> None:
        """The application returned: end what it left open."""

    @abstractmethod
    async def fail(self) -> None:
        """The application raised."""

    async def stop(self) -> None:
        """The worker stops: end a connection that would go on for ever."""
        return

    def release(self) -> None:
        """The application has ended. The session's channel is still read to its last event."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    # -- announcing -------------------------------------------------------------------

    def wait_a_moment(self) -> None:
        """Have :meth:`speak_up` run if the application takes longer than a moment."""
        loop = asyncio.get_running_loop()
        self._grace = loop.call_later(GRACE, self._speak_up_at_last)

    def _speak_up_at_last(self) -> None:
        self.ground.spawn(self.insist(self.speak_up))

    async def speak_up(self) -> None:
        """Announce the session, if that hasn't been done."""
        if self.disconnect is None and not self._is_announced:
            await self.tell({"type": "fairway.taken"})

    async def tell(self, message: Message) -> None:
        """Send ``message`` without a number. It announces the session, if nothing has."""
        await self._introduce(self.link.tell, message)

    async def reply(self, message: Message) -> bool:
        """:meth:`tell` with a number, once there is room; False if the client has gone."""
        return await self._introduce(self.link.send, message)

    async def _introduce(self, send: Callable[[Message], Awaitable[T]], message: Message) -> T:
        # Until one that says where this session is has got through, each message does.
        if self._is_announced:
            return await send(message)
        sent = await send({**message, **self._whereabouts()})
        self._is_announced = True
        return sent

    def _whereabouts(self) -> Message:
        if self.channel is None:
            self.channel = self.layer.make_channel_name("fairway.session")
            self.ground.pulse.join(self.event["interface"], self.channel, self._lose)
            self._listener = self.ground.spawn(self._listen(self.channel))
        return {"session": self.channel, "worker": self.ground.pulse.control}

    async def insist(self, work: Work) -> None:
        """Do ``work`` though the store may be away: nobody else would do it again."""
        await now_or_later(work, self.ground.spawn, self._report)

    def _report(self, error: FairwayError) -> None:
        logger.warning("%s: %s", self, error)

    # -- from the interface server ----------------------------------------------------

    async def next_event(self) -> Message | None:
        """What the interface server sent next; None once there is nothing more to come."""
        while not self._inbox:
            if self.disconnect is not None:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        await self.link.done(message["order"])
        return message

    def end(self, disconnect: Message) -> None:
        """The connection is over for the application, in this way, unless it was already."""
        if self.disconnect is None:
            self.disconnect = disconnect
        self._arrived.set()

    async def _listen(self, channel: str) -> None:
        try:
            while not self._take(await self.layer.receive(channel)):
                pass
        except (StoreUnavailable, LayerClosed) as error:
            logger.warning("lost a connection with its store: %s", error)
            self._cut()
        finally:
            self.ground.pulse.leave(self.event["interface"], channel)

    def _take(self, message: Message) -> bool:
        """Put a message where it belongs; whether it was the last."""
        if "ack" in message:
            self.link.acknowledged(message["ack"])
        if message["type"] == self.last_event:
            self.link.close()
            self.end(message)
            return True
        if message["type"] != "fairway.ack":
            self._inbox.append(message)
            self._arrived.set()
        return False

    def _lose(self) -> None:
        logger.warning("an interface server was silent for %g s", self.ground.pulse.lease)
        if self._listener is not None:
            self._listener.cancel()
        self._cut()

    def _cut(self) -> None:
        self.link.close()
        self.end({"type": self.last_event, "code": 1006})

    def check_client(self) -> bool:
        """Whether the client is there; if not, raise where ASGI wants it."""
        if self.link.is_closed and self.event["spec_version"] >= "2.4":
            raise ClientDisconnected
        return not self.link.is_closed
