"""Load on layers, with every message in a ledger."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from random import Random

from fairway.layer import ChannelLayer

from .ledger import Fate, Ledger


class Traffic:
    """Senders and receivers in one event loop: process-specific and normal channels, and a group.

    Each of ``receivers`` (layers) reads some process-specific channels, which are all in one
    group, and the normal channel; ``sender`` (a layer) sends to all of them. ``pause``: the
    mean number of seconds between two messages to a channel. ``impatience``: how likely a
    receive is to be cancelled.
    """

    def __init__(
        self,
        ledger: Ledger,
        sender: ChannelLayer,
        receivers: Sequence[ChannelLayer],
        dice: Random,
        *,
        channels: int = 3,
        pause: float = 0.002,
        impatience: float = 0.0,
    ):
        self.ledger = ledger
        self.normal = f"work-{dice.getrandbits(32):x}"
        self.group = f"group-{dice.getrandbits(32):x}"
        self.specific: list[str] = []
        self.sender = sender
        self._receivers = receivers
        self._dice = dice
        self._channels = channels
        self._pause = pause
        self._impatience = impatience
        self._senders: list[asyncio.Task[None]] = []
        self._readers: list[asyncio.Task[None]] = []
        self._sending = True

    async def start(self) -> None:
        """Begin to receive, then to send."""
        for layer in self._receivers:
            for _ in range(self._channels):
                channel = await layer.new_channel()
                await layer.group_add(self.group, channel)
                self.specific.append(channel)
                self._read(layer, channel)
            self._read(layer, self.normal)
        for channel in [*self.specific, self.normal, self.normal]:
            self._senders.append(asyncio.ensure_future(self._send_to(channel)))
        self._senders.append(asyncio.ensure_future(self._send_to_group()))

    async def stop_sending(self) -> None:
        """Send no more; all senders have heard of their messages."""
        self._sending = False
        await asyncio.gather(*self._senders)

    def not_reached(self, since: int) -> list[str]:
        """The channels that received nothing of what was sent to them from this number on."""
        return sorted({*self.specific, self.normal} - self.ledger.reached(since))

    def not_reached_by_group(self, since: int) -> list[str]:
        """The members of the group that received nothing of what it was sent from then on."""
        return sorted(set(self.specific) - self.ledger.reached_by_group(since))

    async def settle(self, patience: float = 5) -> None:
        """Return when all stored messages arrived, or none has come for a while."""
        arrived, quiet_since = -1, asyncio.get_running_loop().time()
        while self.ledger.missing():
            now = asyncio.get_running_loop().time()
            if arrived != (arrived := self.ledger.arrivals()):
                quiet_since = now
            if now - quiet_since > patience:
                return
            await asyncio.sleep(0.05)
        # What was sent twice would come now.
        await asyncio.sleep(0.3)

    async def stop(self) -> None:
        """Receive no more."""
        for task in self._readers:
            task.cancel()
        await asyncio.wait(self._readers)
        for task in self._readers:
            if not task.cancelled():
                task.result()

    def _read(self, layer: ChannelLayer, channel: str) -> None:
        self._readers.append(asyncio.ensure_future(self._receive(layer, channel)))

    async def _receive(self, layer: ChannelLayer, channel: str) -> None:
        while True:
            if self._dice.random() < self._impatience:
                await self._receive_impatiently(layer, channel)
            else:
                self.ledger.received(channel, await layer.receive(channel))

    async def _receive_impatiently(self, layer: ChannelLayer, channel: str) -> None:
        reading = asyncio.ensure_future(layer.receive(channel))
        try:
            await asyncio.wait({reading}, timeout=2 * self._pause * self._dice.random())
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.ledger.received(channel, await reading)

    async def _send_to(self, channel: str) -> None:
        sender = f"sender of {channel}"
        while self._sending:
            await self._paused(await self.ledger.send(self.sender, channel, sender))

    async def _send_to_group(self) -> None:
        while self._sending:
            sent = self.ledger.group_send(self.sender, self.group, self.specific, "group")
            await self._paused(await sent)

    async def _paused(self, fate: Fate) -> None:
        await asyncio.sleep(self._pause * 2 * self._dice.random())
