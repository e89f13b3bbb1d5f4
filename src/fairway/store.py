"""What a layer asks of the place that holds its messages."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from .core.inbox import Taken
from .drops import Drops
from .names import Address
from .types import Statistics

T = TypeVar("T")


class Store(Protocol):
    """The verbs of the contract, on names that were checked and bodies that were encoded.

    One object serves every thread and event loop of a process. Errors are those of
    :mod:`fairway.errors` only.
    """

    drops: Drops

    def send(self, address: Address, body: bytes, capacity: int) -> Awaitable[None] | None:
        """Store a message; :class:`ChannelFull` where ``capacity`` unread ones are there.

        What is not done on return is awaited: a store that needs no waiting costs no coroutine.
        """

    def receive(
        self, channels: Sequence[str], timeout: float | None
    ) -> Taken | Awaitable[Taken | None] | None:
        """Take the next message of any of these, or, awaited, None after ``timeout`` seconds.

        Like ``send``: what is there already is returned, what is not is awaited.
        """

    def receive_blocking(self, channels: Sequence[str], timeout: float | None) -> Taken | None:
        """:meth:`receive` for a thread without an event loop."""

    async def group_add(self, group: str, address: Address) -> None:
        """Add or renew a membership."""

    async def group_discard(self, group: str, address: Address) -> None:
        """End a membership, quietly if there is none."""

    def group_send(self, group: str, body: bytes) -> Awaitable[None] | None:
        """Store a message for each channel of the group that has room."""

    async def group_channels(self, group: str) -> list[str]:
        """The channels in the group."""

    async def statistics(self, address: Address | None) -> Statistics:
        """Figures of one channel, or of all."""

    async def flush(self) -> None:
        """Forget all messages and groups. Waiting readers stay."""

    async def close(self) -> None:
        """Give back what this process holds: its node's channels end here."""

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Carry out one of the above from a thread without an event loop."""
