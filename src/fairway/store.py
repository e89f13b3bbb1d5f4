"""What a layer asks of the place that holds its messages."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from .core.inbox import Taken
from .core.outbox import Batch, GroupSend, Send
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

    async def begin(self) -> None:
        """Make this process's channels known to the store; quick once that is done."""

    async def group_add(self, group: str, address: Address) -> None:
        """Add or renew a membership."""

    async def group_discard(self, group: str, address: Address) -> None:
        """End a membership, quietly if there is none."""

    def group_send(self, group: str, body: bytes) -> Awaitable[None] | None:
        """Store a message for each channel of the group that has room."""

    async def forget_channel(self, address: Address) -> None:
        """End a channel of this node: it leaves its groups, and what waits in it is dropped."""

    async def group_channels(self, group: str) -> list[str]:
        """The channels in the group."""

    async def statistics(self, address: Address | None) -> Statistics:
        """Figures of one channel, or of all."""

    async def flush(self) -> None:
        """Forget all messages and groups. Waiting readers stay."""

    async def close(self) -> None:
        """Give back what this process holds: its node's channels end here."""

    def abandon(self) -> None:
        """Nobody has this store any more: :meth:`close` without anybody to wait. Never blocks."""

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Carry out one of the above from a thread without an event loop."""


class Link(Protocol):
    """A connection to one shard, for writing. Lives in one event loop."""

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""

    def write(self, batch: Batch) -> None:
        """Write a batch at once; each call's ``done`` hears the outcome later. Never waits."""

    def write_one(self, message: Send | GroupSend) -> bool:
        """:meth:`write` a single message, by the shortest way there is, if no call is under way.

        False otherwise, and nothing is done.
        """

    def close(self) -> None:
        """Drop the connection; calls under way hear :class:`StoreUnavailable`."""


class DirectLink(Protocol):
    """A connection to one shard for writing that belongs to no event loop.

    Whichever thread holds it writes, and hears the replies itself: for a thread that would
    only wait for another one to do so. One thread at a time.
    """

    def is_usable(self) -> bool:
        """Whether nothing is known to have broken it."""

    def write_one(self, message: Send | GroupSend) -> bool:
        """Write a small message; its ``done`` is called in :meth:`hear`."""

    def hear(self) -> bool:
        """Hear the outcome of what was written; False if that takes longer than a moment."""

    def hear_in(self, loop: AbstractEventLoop, done: Callable[[], None]) -> None:
        """:meth:`hear` to the end in a loop, in its thread, and call ``done`` then."""

    def close(self) -> None:
        """Drop the connection; calls under way hear :class:`StoreUnavailable`."""


class Feed(Protocol):
    """A connection to one shard that reads the node's inbox. Lives in one event loop."""

    def close(self) -> None:
        """Stop reading. Nothing is delivered after this returns."""


class Reader(Protocol):
    """What a feed reads into, until another one takes over: the node's place for one shard."""

    #: How far the inbox was read, in the store's own terms; kept over reconnections.
    cursor: Any
    #: Held while something is delivered, from before :attr:`over` is looked at.
    lock: AbstractContextManager[Any]
    #: Whether another feed reads the inbox now: nothing is to be delivered any more.
    over: bool
    #: Called when that becomes so, in whatever thread; the loop of the feed may not run.
    on_over: Callable[[], None]

    def deliver(self, sent_ms: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """One entry of the inbox, sent at this time of the store's clock."""

    def settle(self) -> None:
        """Whoever was woken by what was delivered has run: call it after that, in the loop."""

    def lost_data(self) -> None:
        """The inbox was found gone: the store lost it, or took the node for dead."""


class Shard(Protocol):
    """One server of a sharded store: what a backend implements for the engine."""

    name: str

    async def open_link(self, lost: Callable[[], None]) -> Link:
        """Connect for writing; ``lost`` hears if the connection breaks.

        Raises :class:`StoreUnavailable`.
        """

    async def open_direct_link(self) -> DirectLink | None:
        """Connect for threads; None if this store has nothing of the kind.

        Raises :class:`StoreUnavailable`.
        """

    async def open_feed(self, reader: Reader, lost: Callable[[], None]) -> Feed:
        """Connect for reading this node's inbox; raises :class:`StoreUnavailable`."""

    async def watch(self) -> None:
        """Until cancelled, see that connections lead to where the shard is, if it may move."""
