"""Shows interface servers that this worker lives, and notices when one of them doesn't."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from ..errors import ChannelFull, FairwayError, LayerClosed, StoreUnavailable
from ..layer import ChannelLayer
from ..server.protocol.leases import ROUNDS, Leases
from ..types import Message

logger = logging.getLogger("fairway.worker")

_STOP = "fairway.stop"


class Pulse:
    """Answers pings in a thread of its own: a loop that an application blocks isn't dead.

    Sessions join the interface server they belong to; if it is silent for ``lease``
    seconds, their ``on_lost`` is called on the loop.
    """

    def __init__(self, layer: ChannelLayer, lease: float):
        self.layer = layer
        self.lease = lease
        #: The channel that interface servers ping.
        self.control = layer.make_channel_name("fairway.worker")
        self._leases = Leases()
        self._on_lost: dict[str, Callable[[], None]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="fairway-pulse", daemon=True)

    def start(self) -> None:
        """Begin to answer; call it on the loop that sessions live on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._rounds = self._loop.create_task(self._watch())

    async def stop(self) -> None:
        """End the thread and the watch."""
        self._rounds.cancel()
        self._stopping.set()
        try:
            await self.layer.send(self.control, {"type": _STOP})
        except FairwayError as error:
            # The thread doesn't keep the process from ending.
            logger.warning("left a thread waiting for its store: %s", error)
        else:
            await asyncio.to_thread(self._thread.join)

    def join(self, interface: str, session: str, on_lost: Callable[[], None]) -> None:
        """``session`` belongs to the interface server with control channel ``interface``."""
        self._leases.join(interface, session)
        self._on_lost[session] = on_lost

    def leave(self, interface: str, session: str) -> None:
        """``session`` is over."""
        self._leases.leave(interface, session)
        self._on_lost.pop(session, None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.lease / ROUNDS)
            for session in self._leases.round():
                self._on_lost.pop(session)()

    # -- in the thread ----------------------------------------------------------------

    def _answer(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self.layer.blocking.receive(self.control)
                if message is not None and message["type"] == "fairway.ping":
                    self._pong(message)
            except LayerClosed:
                return
            except (StoreUnavailable, ChannelFull) as error:
                logger.warning("can't answer an interface server: %s", error)
                self._stopping.wait(self.lease / ROUNDS)

    def _pong(self, ping: Message) -> None:
        interface = ping["reply_channel"]
        self.layer.blocking.send(interface, {"type": "fairway.pong", "worker": self.control})
        self._loop.call_soon_threadsafe(self._leases.heard, interface)
