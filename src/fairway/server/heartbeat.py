"""Notices the death of workers that hold connections of this interface server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..errors import ChannelFull, LayerClosed, StoreUnavailable
from ..layer import ChannelLayer
from .protocol.leases import ROUNDS, Leases

logger = logging.getLogger("fairway.server")


class Heartbeat:
    """Pings each worker that members depend on, three times per ``lease`` (seconds).

    A worker is silent for a lease: its members' ``on_lost`` is called. While nobody
    depends on a worker, nothing runs.
    """

    def __init__(self, layer: ChannelLayer, lease: float):
        self.layer = layer
        self.lease = lease
        #: The channel that workers answer to.
        self.control = layer.make_channel_name("fairway.interface")
        self._leases = Leases()
        self._on_lost: dict[str, Callable[[], None]] = {}
        self._task: asyncio.Task[None] | None = None

    def join(self, worker: str, member: str, on_lost: Callable[[], None]) -> None:
        """``member`` depends on the worker whose control channel is ``worker``."""
        self._leases.join(worker, member)
        self._on_lost[member] = on_lost
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._beat())

    def leave(self, worker: str, member: str) -> None:
        """``member`` no longer depends on ``worker``."""
        self._leases.leave(worker, member)
        self._on_lost.pop(member, None)

    def stop(self) -> None:
        """Stop watching, at the end of the server."""
        if self._task is not None:
            self._task.cancel()

    async def _beat(self) -> None:
        listener = asyncio.get_running_loop().create_task(self._listen())
        try:
            while self._leases:
                await asyncio.sleep(self.lease / ROUNDS)
                if await self._ping():
                    self._end_round()
        finally:
            listener.cancel()

    async def _ping(self) -> bool:
        """Ask every worker for a sign of life; False if the store didn't take the question."""
        ping = {"type": "fairway.ping", "reply_channel": self.control}
        for worker in self._leases.peers:
            try:
                await self.layer.send(worker, ping)
            except ChannelFull:
                continue  # it reads no pings: its silence will tell
            except StoreUnavailable as error:
                logger.warning("can't reach workers: %s", error)
                return False
        return True

    def _end_round(self) -> None:
        lost = self._leases.round()
        if lost:
            logger.warning(
                "a worker was silent for %g s; it had %d connections", self.lease, len(lost)
            )
        for member in lost:
            self._on_lost.pop(member)()

    async def _listen(self) -> None:
        while True:
            try:
                pong = await self.layer.receive(self.control)
            except LayerClosed:
                return
            except StoreUnavailable as error:
                logger.warning("can't hear workers: %s", error)
                await asyncio.sleep(self.lease / ROUNDS)
            else:
                self._leases.heard(pong["worker"])
