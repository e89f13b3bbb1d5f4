"""What is to be written to one shard, gathered until the next flush.

Calls of one loop turn become one batch. Within a batch, what goes to the same
place stands together and in order, so that a store writes it with one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from ..names import Address

T = TypeVar("T")

#: Called once with the outcome: ``(result, None)`` or ``(None, error)``.
Done = Callable[[Any, "BaseException | None"], None]


class Send:
    """A message for one channel. ``last``: no other shard is tried where this one is full."""

    __slots__ = ("address", "body", "capacity", "done", "last")

    def __init__(self, address: Address, body: bytes, capacity: int, done: Done, last: bool = True):
        self.address = address
        self.body = body
        self.capacity = capacity
        self.done = done
        self.last = last


class GroupSend:
    """A message for every channel of a group."""

    __slots__ = ("body", "done", "group")

    def __init__(self, group: str, body: bytes, done: Done):
        self.group = group
        self.body = body
        self.done = done


class Membership:
    """A channel that joins a group until ``lasts`` seconds from now, or leaves it.

    ``last`` says that by leaving the node has no channel in the group any more. ``turn``
    counts the changes of this node's memberships: of two, the store heeds the later one.
    """

    __slots__ = ("address", "done", "group", "last", "lasts", "turn")

    def __init__(
        self,
        group: str,
        address: Address,
        done: Done,
        *,
        turn: int = 0,
        lasts: float | None = None,
        last: bool = False,
    ):
        self.group = group
        self.address = address
        self.done = done
        self.turn = turn
        self.lasts = lasts
        self.last = last


class Want:
    """A node that can take ``credit`` more messages of a normal channel.

    ``anew``: whatever it asked for before counts no more.
    """

    __slots__ = ("anew", "channel", "credit", "done")

    def __init__(self, channel: str, credit: int, anew: bool, done: Done):
        self.channel = channel
        self.credit = credit
        self.anew = anew
        self.done = done


class Release:
    """A node that takes no more of a normal channel and returns what it did not hand over."""

    __slots__ = ("channel", "done", "parcels")

    def __init__(self, channel: str, parcels: list[tuple[int, bytes]], done: Done):
        self.channel = channel
        #: ``(milliseconds of the store's clock when sent, body)``, oldest first.
        self.parcels = parcels
        self.done = done


class Query(Generic[T]):
    """A question to the store; ``name`` is a verb of the backend's, with its arguments."""

    __slots__ = ("arguments", "done", "name")

    def __init__(self, name: str, arguments: tuple[Any, ...], done: Done):
        self.name = name
        self.arguments = arguments
        self.done = done


class Batch:
    """What one flush writes, sorted by where it goes."""

    def __init__(self) -> None:
        #: Sends to process-specific channels by node, then by channel name.
        self.to_nodes: dict[str, dict[str, list[Send]]] = {}
        #: Sends to normal channels by channel name and whether no other shard is tried.
        self.to_channels: dict[tuple[str, bool], list[Send]] = {}
        self.to_groups: dict[str, list[GroupSend]] = {}
        #: Who joins (True) and who leaves a group, in order.
        self.memberships: dict[str, list[tuple[bool, Membership]]] = {}
        self.wants: list[Want] = []
        self.releases: list[Release] = []
        self.queries: list[Query[Any]] = []
        #: Messages of this node's inbox that were handed over, by channel name.
        self.acks: dict[str, int] = {}

    @classmethod
    def of(cls, message: Send | GroupSend) -> Batch:
        """A batch of one message."""
        outbox = Outbox()
        if isinstance(message, Send):
            outbox.send(message)
        else:
            outbox.group_send(message)
        return outbox.collect()

    @property
    def only_acknowledges(self) -> bool:
        """Whether nobody waits for an outcome."""
        return not (
            self.to_nodes or self.to_channels or self.to_groups or self.memberships
            or self.wants or self.releases or self.queries
        )  # fmt: skip

    def calls(self) -> list[Done]:
        """Whom to tell the outcome."""
        sends = [send for by_name in self.to_nodes.values() for send in _flat(by_name)]
        rest: list[Any] = [*self.wants, *self.releases, *self.queries]
        for place in (self.to_channels, self.to_groups):
            rest.extend(_flat(place))
        rest.extend(membership for _, membership in _flat(self.memberships))
        return [call.done for call in (*sends, *rest)]


def _flat(by_place: dict[Any, list[T]]) -> list[T]:
    return [call for calls in by_place.values() for call in calls]


class Outbox:
    """The batch being gathered for one shard."""

    def __init__(self) -> None:
        self._batch = Batch()
        self._size = 0
        #: Where the last message went, and all that go there.
        self._place: tuple[Address, bool] | None = None
        self._sends: list[Send] = []

    def send(self, send: Send) -> None:
        """Add a message for a channel."""
        self._size += 1
        place = send.address, send.last
        if place != self._place:  # mostly it is the one of the message before
            self._place, self._sends = place, self._sends_to(send.address, send.last)
        self._sends.append(send)

    def _sends_to(self, address: Address, last: bool) -> list[Send]:
        if address.node is None:
            return self._batch.to_channels.setdefault((address.name, last), [])
        return self._batch.to_nodes.setdefault(address.node, {}).setdefault(address.name, [])

    def group_send(self, send: GroupSend) -> None:
        """Add a message for a group."""
        self._size += 1
        self._batch.to_groups.setdefault(send.group, []).append(send)

    def join(self, membership: Membership) -> None:
        """Add a membership to be made or renewed."""
        self._size += 1
        self._batch.memberships.setdefault(membership.group, []).append((True, membership))

    def leave(self, membership: Membership) -> None:
        """Add a membership to be ended."""
        self._size += 1
        self._batch.memberships.setdefault(membership.group, []).append((False, membership))

    def want(self, want: Want) -> None:
        """Add credit for a normal channel."""
        self._size += 1
        self._batch.wants.append(want)

    def release(self, release: Release) -> None:
        """Add messages to be returned to a normal channel."""
        self._size += 1
        self._batch.releases.append(release)

    def query(self, query: Query[Any]) -> None:
        """Add a question."""
        self._size += 1
        self._batch.queries.append(query)

    def ack(self, numbers: Mapping[str, int]) -> None:
        """Count messages that were handed over, by channel."""
        self._size += 1
        acks = self._batch.acks
        for name, number in numbers.items():
            acks[name] = acks.get(name, 0) + number

    def take_acks(self) -> dict[str, int]:
        """What was to be acknowledged, removed: for somebody else to say."""
        acks, self._batch.acks = self._batch.acks, {}
        return acks

    def __len__(self) -> int:
        return self._size

    def collect(self) -> Batch:
        """The batch; the next one begins."""
        batch, self._batch, self._size, self._place = self._batch, Batch(), 0, None
        return batch
