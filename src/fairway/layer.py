"""The channel layer: the contract, once, for every store.

The names and meanings are those of the ASGI channel-layer specification and of
Channels 4; what goes beyond them is said at each method.
"""

from __future__ import annotations

import itertools
import secrets
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from re import Pattern
from typing import ClassVar

from . import errors, names
from .blocking import BlockingLayer
from .codec import MAX_MESSAGE_SIZE, Codec
from .core.capacity import Capacities
from .core.inbox import Parcel, Taken
from .core.memo import Memo
from .forking import begin_after_fork
from .mailbox import LoopWaiter
from .names import address_of, check_group, group_name, parse_channel
from .options import check_seconds, check_size
from .store import Store
from .types import Message, Sendable, Statistics

#: Bytes of randomness in a node's id: names must be unique among all processes of a site.
_NODE_BYTES = 7
#: Channels known to be readable: checking a name costs as much as handing over a message.
_KNOWN_CHANNELS = 16384


class ChannelLayer(ABC):
    """Sends and receives messages over a store. Any thread and any event loop may use it.

    ``expiry``: seconds an unread message is kept. ``group_expiry``: seconds a
    membership lasts after the last ``group_add``; ``None``: as long as its owner.
    ``capacity``: unread messages per channel; ``channel_capacity``: exceptions, by
    glob or compiled regex, first match wins. ``max_message_size``: encoded bytes.
    ``symmetric_encryption_keys``: passwords; the first encrypts, any decrypts.

    A closed layer may be used again: it starts anew, as another node.
    """

    extensions: ClassVar[list[str]] = ["groups", "flush", "statistics"]
    #: Whether processes can reach each other through this layer.
    cross_process: ClassVar[bool] = True

    ChannelFull = errors.ChannelFull
    MessageTooLarge = errors.MessageTooLarge
    MAX_NAME_LENGTH = names.MAX_NAME_LENGTH

    def __init__(
        self,
        *,
        expiry: float = 60,
        group_expiry: float | None = 86400,
        capacity: int = 100,
        channel_capacity: Mapping[str | Pattern[str], int] | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
        symmetric_encryption_keys: Sequence[str | bytes] | None = None,
    ):
        self.expiry = check_seconds("expiry", expiry)
        self.group_expiry = (
            None if group_expiry is None else check_seconds("group_expiry", group_expiry)
        )
        self.capacity = capacity
        self.channel_capacity = channel_capacity or {}
        self.capacities = Capacities(capacity, channel_capacity)
        self._codec = Codec(
            max_size=check_size("max_message_size", max_message_size),
            keys=() if symmetric_encryption_keys is None else symmetric_encryption_keys,
        )
        self._begin()
        begin_after_fork(self)

    @abstractmethod
    def _make_store(self, node: str) -> Store:
        """The store, as seen from a new node of this id."""

    def begin_after_fork(self) -> None:
        """Become another node in a forked child."""
        self._abandoned.detach()  # the former store's threads and sockets are the parent's
        self._begin()

    def _begin(self) -> None:
        """Become a new node."""
        self.node = secrets.token_hex(_NODE_BYTES)
        self._alone = Memo[str, Sequence[str]](lambda name: self.readable([name]), _KNOWN_CHANNELS)
        self._locals = itertools.count(1)
        self.store = self._make_store(self.node)
        self._abandoned = weakref.finalize(self, self.store.abandon)
        self._abandoned.atexit = False

    @property
    def blocking(self) -> BlockingLayer:
        """The same layer for threads and plain scripts: no ``await``, no event loop."""
        return BlockingLayer(self)

    # -- channels -----------------------------------------------------------------

    async def send(self, channel: str, message: Sendable) -> None:
        """Put ``message`` into ``channel`` for one reader.

        Raises :class:`ChannelFull`, :class:`MessageTooLarge`, :class:`InvalidName`,
        :class:`InvalidMessage`; :class:`StoreUnavailable` if the store didn't take it.
        """
        address = parse_channel(channel) if type(channel) is str else address_of(channel)
        body = self._codec.encode(message)
        capacities = self.capacities
        pending = self.store.send(address, body, capacities.uniform or capacities.of(address))
        if pending is not None:
            await pending

    async def receive(self, channel: str) -> Message:
        """The next message of ``channel``, waiting for it. Cancelling loses nothing."""
        channels = self._alone[channel] if type(channel) is str else self.readable([channel])
        while True:
            found = self.store.receive(channels, None)
            parcel: Parcel | None
            if type(found) is tuple:
                parcel = found[1]
            elif type(found) is LoopWaiter:  # `await found` would cost a frame more
                try:
                    await found.future
                except BaseException:
                    found.leave()
                    raise
                parcel = found.parcel
                if found.settles and parcel is not None and parcel[2] is not None:
                    found.mailbox.handed_over(found)
            else:
                taken = await found  # type: ignore[misc]
                parcel = None if taken is None else taken[1]
            if parcel is not None:
                try:
                    return self._codec.decode(parcel[1])
                except errors.UndecodableMessage:
                    self._drop_undecodable(channel)

    async def receive_many(
        self, channels: Sequence[str], *, timeout: float | None = None
    ) -> tuple[str, Message] | tuple[None, None]:
        """The next message of any of ``channels``, with the channel's name.

        ``(None, None)`` after ``timeout`` seconds; 0 takes only what is there, ``None``
        waits for ever. A busy channel doesn't starve a quiet one.
        """
        readable = self.readable(channels)
        while True:
            taken = self.store.receive(readable, timeout)
            if taken is not None and not isinstance(taken, tuple):
                taken = await taken
            if taken is None:
                return None, None
            if (message := self.decode(taken)) is not None:
                return taken[0], message

    async def new_channel(self, prefix: str = "specific") -> str:
        """A name for a process-specific channel that only this layer object can read."""
        name = self.make_channel_name(prefix)
        await self.store.begin()
        return name

    def make_channel_name(self, prefix: str = "specific") -> str:
        """:meth:`new_channel` without ``await``: making a name needs no store."""
        if not isinstance(prefix, str):
            raise errors.InvalidName(f"prefix is {prefix!r}; it is a str, as in 'specific'")
        name = f"{prefix}.{self.node}!{next(self._locals):x}"
        address_of(name)
        return name

    async def forget_channel(self, channel: str) -> None:
        """End a channel of this layer object: it leaves all its groups.

        For whoever made a channel and reads it no more. What waits in it is dropped, and
        counted; what was sent to it before and comes later is so, too, within about a second.
        Beyond the contract of Channels.
        """
        address = address_of(channel)
        if address.node != self.node:
            raise self._not_ours(channel)
        await self.store.forget_channel(address)

    # -- groups -------------------------------------------------------------------

    async def group_add(self, group: str, channel: str) -> None:
        """Make ``channel``, of any process, a member of ``group``, or renew it."""
        await self.store.group_add(group_name(group), address_of(channel))

    async def group_discard(self, group: str, channel: str) -> None:
        """End a membership; quiet if there is none."""
        await self.store.group_discard(group_name(group), address_of(channel))

    async def group_send(self, group: str, message: Sendable) -> None:
        """Send to every channel of ``group``. A full one misses it, which is counted."""
        name = check_group(group) if type(group) is str else group_name(group)
        pending = self.store.group_send(name, self._codec.encode(message))
        if pending is not None:
            await pending

    async def group_channels(self, group: str) -> list[str]:
        """The names of the channels in ``group``."""
        return await self.store.group_channels(group_name(group))

    # -- the store as a whole -------------------------------------------------------

    async def global_statistics(self) -> Statistics:
        """Figures of all channels together; see :class:`fairway.types.Statistics`."""
        return await self.store.statistics(None)

    async def channel_statistics(self, channel: str) -> Statistics:
        """Figures of one channel. Of a process-specific one, counts and rates are those of
        all channels of its node under that prefix: a store keeps no history per socket."""
        return await self.store.statistics(address_of(channel))

    async def flush(self) -> None:
        """Forget all messages and groups in the store. Waiting readers stay."""
        await self.store.flush()

    async def close(self) -> None:
        """Release connections and end this node: its channels leave their groups."""
        self._abandoned.detach()
        await self.store.close()
        self._begin()

    # -- names, as Channels' base class has them --------------------------------------

    def valid_channel_name(self, name: str, receive: bool = False) -> bool:
        """True, or :class:`InvalidName` (a TypeError). ``receive`` allows an empty local part."""
        address_of(f"{name}x" if receive and isinstance(name, str) and name[-1:] == "!" else name)
        return True

    def valid_group_name(self, name: str) -> bool:
        """True, or :class:`InvalidName` (a TypeError)."""
        group_name(name)
        return True

    require_valid_channel_name = valid_channel_name
    require_valid_group_name = valid_group_name

    def get_capacity(self, channel: str) -> int:
        """How many unread messages ``channel`` may hold."""
        return self.capacities.of(address_of(channel))

    # -- helpers --------------------------------------------------------------------

    def _not_ours(self, channel: str) -> errors.InvalidName:
        return errors.InvalidName(
            f"channel {channel!r} can only be received by the process that made it; "
            f"this node's channels have '.{self.node}!' in their names"
        )

    def readable(self, channels: Sequence[str]) -> Sequence[str]:
        """``channels``, if this node may receive from all of them."""
        given = () if isinstance(channels, (str, bytes)) else tuple(channels or ())
        if not given:
            raise errors.InvalidName(
                f"channels is {channels!r}; it is a list of one or more channel names"
            )
        addresses = [address_of(channel) for channel in given]
        for address in addresses:
            if address.node is not None and address.node != self.node:
                raise self._not_ours(address.name)
        return tuple(address.name for address in addresses)

    def decode(self, taken: Taken) -> Message | None:
        """The message, or None (counted and logged) where the bytes hold none."""
        try:
            return self._codec.decode(taken[1][1])
        except errors.UndecodableMessage:
            self._drop_undecodable(taken[0])
            return None

    def _drop_undecodable(self, channel: str) -> None:
        self.store.drops.record("undecodable", channel, 1)
