"""What HTTP requests and WebSockets have in common on their way through the layer."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

from ..errors import FairwayError
from ..layer import ChannelLayer
from ..types import Message
from .asgi import Receive, Scope, Send
from .endings import Ending
from .heartbeat import Heartbeat
from .protocol import WINDOW
from .protocol.flow import Receipts, Window
from .protocol.link import Link
from .protocol.outages import Work, now_or_later
from .protocol.scopes import event_of

logger = logging.getLogger("fairway.server")

T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """What the connections of one interface server share. Times are in seconds."""

    layer: ChannelLayer
    worker_timeout: float
    response_timeout: float
    heartbeat: Heartbeat
    in_background: Callable[[Coroutine[Any, Any, None]], None]


class Connection(ABC):
    """A client's connection: its first event goes to any worker, whose replies it relays.

    A reply with ``session`` comes from a worker that hosts an application: from then on
    events go to that channel. Without one, events go to normal channels, for any worker.
    """

    #: The front of the reply channel's name.
    prefix: ClassVar[str]
    #: How many events may be under way before a session is known.
    first_window: ClassVar[int]

    def __init__(self, terms: Terms, scope: Scope, receive: Receive, send: Send):
        self.terms = terms
        self.layer = terms.layer
        self.scope = scope
        self.client_receive = receive
        self.client_send = send
        self.reply = terms.layer.make_channel_name(self.prefix)
        self.link = Link(
            terms.layer,
            None,
            window=Window(self.first_window),
            receipts=Receipts(WINDOW),
            patience=terms.worker_timeout,
        )
        self.ending = Ending.GONE
        self.is_submitted = False
        #: Whether a worker has said that it has, or had, an event of this connection in hand.
        self.is_attended = False
        #: The control channel of the worker that has an event of this connection in hand.
        self.worker: str | None = None
        self._interrupted: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None

    # -- the life of a connection ---------------------------------------------------

    async def run(self) -> None:
        """Carry the connection through; returns when its client has been served."""
        event = await self._first_event()
        if event is None:
            return
        try:
            refusal = await self._guarded(self._submit(event))
            self.ending = refusal or await self._converse()
            await self._guarded(self._end(self.ending))
        finally:
            self._no_deadline()
            self.link.close()
            await self._part()

    @abstractmethod
    async def _first_event(self) -> Message | None:
        """What the client wants, as the first event; None if it left already."""

    @abstractmethod
    async def _converse(self) -> Ending:
        """Relay between client and worker until one of them ends it."""

    @abstractmethod
    async def _watch(self) -> Ending:
        """Pass on what the client sends, until it leaves."""

    @abstractmethod
    async def _deliver(self, message: Message) -> Ending | None:
        """Give a reply to the client; how the connection ended, if it did by that."""

    @abstractmethod
    async def _end(self, ending: Ending) -> None:
        """Tell the client about an end that is not the application's own."""

    @property
    @abstractmethod
    def _is_settled(self) -> bool:
        """Whether it is known who, if anybody, has to hear that the connection is over."""

    @abstractmethod
    def _farewell(self) -> tuple[Message, str | None] | None:
        """What says that the connection is over, and a channel if it isn't the session's."""

    def _opening(self, kind: str, **more: Any) -> Message:
        return {
            "type": kind,
            "reply_channel": self.reply,
            "interface": self.terms.heartbeat.control,
            "order": self.link.window.take(),
            **event_of(self.scope),
            **more,
        }

    async def _submit(self, event: Message) -> Ending | None:
        # The layer's refusals (full, too large, unavailable) end the connection: see _guarded.
        await self.layer.send(event["type"], event)
        self.is_submitted = True
        return None

    # -- relaying -------------------------------------------------------------------

    async def _both_ways(self) -> Ending:
        return await self._first_of(self._relay(), self._watch())

    async def _first_of(self, *works: Coroutine[Any, Any, Ending]) -> Ending:
        """Do all at once until one ends; the first of those that have ended decides."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._guarded(work)) for work in works]
        try:
            await asyncio.wait({*tasks, self._interrupted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for ended in [*tasks, self._interrupted]:
            if ended.done() and not ended.cancelled():
                return ended.result()
        raise RuntimeError("waiting for the first of several to end, none did")

    async def _guarded(self, work: Coroutine[Any, Any, T]) -> T | Ending:
        """``work``, with the errors that have a meaning for the client as endings."""
        try:
            return await work
        except Exception as error:
            ending = Ending.of(error)
            if ending is None:
                raise
            if ending is not Ending.GONE:
                logger.warning("%s: %s", self, error)
            return ending

    async def _relay(self) -> Ending:
        while True:
            ending = await self._handle(await self.layer.receive(self.reply))
            if ending is not None:
                return ending

    async def _handle(self, message: Message) -> Ending | None:
        self._note(message)
        if message.get("type") == "fairway.failed":
            return Ending.FAILED
        ending = await self._deliver(message)
        order = message.get("order")
        if order is not None:
            await self.link.done(order)
        return ending

    def _note(self, message: Message) -> None:
        """Take in what a reply says about the worker."""
        if "worker" in message:
            self._taken(message["worker"], message.get("session"))
        if "ack" in message:
            self.link.acknowledged(message["ack"])
        if message.get("type") in ("fairway.done", "fairway.failed"):
            self._attended()

    def _taken(self, worker: str, session: str | None) -> None:
        self._attended()
        self.worker = worker
        self.terms.heartbeat.join(worker, self.reply, lambda: self._interrupt(Ending.LOST))
        if session is not None:
            self.link.connect(session, min(WINDOW, self.layer.get_capacity(session)))

    def _attended(self) -> None:
        self.is_attended = True
        self._no_deadline()
        self._release_worker()

    def _release_worker(self) -> None:
        if self.worker is not None:
            self.terms.heartbeat.leave(self.worker, self.reply)
            self.worker = None

    # -- deadlines --------------------------------------------------------------------

    def _deadline(self, seconds: float, ending: Ending) -> None:
        """End the connection so, unless `_no_deadline` comes first."""
        self._no_deadline()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._interrupt, ending)

    def _no_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _interrupt(self, ending: Ending) -> None:
        if not self._interrupted.done():
            self._interrupted.set_result(ending)

    # -- parting ----------------------------------------------------------------------

    async def _part(self) -> None:
        if self._is_settled:
            await self._leave()
        else:
            self.terms.in_background(self._linger())

    async def _leave(self) -> None:
        self._no_deadline()
        self._release_worker()
        farewell = self._farewell() if self._is_settled or self.is_attended else None
        if farewell is not None:
            await self._see_to(partial(self.link.tell, *farewell))
        await self._see_to(partial(self.layer.forget_channel, self.reply))

    async def _see_to(self, work: Work) -> None:
        """Else a worker would keep what it has of this connection as long as this server lives."""
        await now_or_later(work, self.terms.in_background, self._report)

    def _report(self, error: FairwayError) -> None:
        logger.warning("%s: %s", self, error)

    async def _linger(self) -> None:
        """Nobody waits here any more, but a worker may yet take the event: then tell it."""
        self._interrupted = asyncio.get_running_loop().create_future()
        try:
            await self._first_of(self._settle())
        finally:
            await self._leave()

    async def _settle(self) -> Ending:
        while not self._is_settled:
            if self._timer is None:  # else this message was about something else
                self._deadline(self._settling_time, Ending.UNANSWERED)
            self._note(await self.layer.receive(self.reply))
        return Ending.GONE

    @property
    def _settling_time(self) -> float:
        """Then an event that nobody has taken has expired, and a consumer has had its time."""
        return self.layer.expiry if self.worker is None else self.terms.response_timeout

    def __str__(self) -> str:
        return f"{self.scope['type']} {self.scope['path']}"
