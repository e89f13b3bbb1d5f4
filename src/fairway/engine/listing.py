"""Tells the shards which groups this node has channels in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.envelope import JOIN
from ..core.membership import FOR_EVER
from ..core.outbox import Membership, Outbox
from ..names import Address, address_of
from .replies import nobody

if TYPE_CHECKING:
    from .engine import Engine


class Listing:
    """The memberships of this node's channels, as its shards know them.

    ``add`` puts a call for a shard into the outbox of this thread's session, or the I/O
    thread's; ``ack`` tells a shard that a notice was heeded.
    """

    def __init__(self, engine: Engine, add: Callable[..., None], ack: Callable[[str, str], None]):
        self._engine = engine
        self._mailbox = engine.mailbox
        self._memberships = engine.memberships
        self._ring = engine.ring
        self._add: Callable[[str, Callable[[Outbox, Any], None], Any], None] = add
        self._ack = ack
        #: Shards that may not have heard of all memberships.
        self._behind: set[str] = set()

    def put(
        self,
        group: str,
        address: Address,
        lasts: float,
        turn: int,
        listed: Callable[[], None] = lambda: None,
    ) -> None:
        """Have the store know a membership that stands here; until it does, say it again."""

        def done(_: object, error: BaseException | None) -> None:
            if error is not None:
                self.failed(group)
            else:
                self.done(group, turn)
                listed()

        for_ever = None if lasts == FOR_EVER else lasts
        call = Membership(group, address, done, turn=turn, lasts=for_ever)
        self._add(self._ring.shard_of(group), Outbox.join, call)

    def done(self, group: str, turn: int) -> None:
        """The store knows that this node is in the group since this turn."""
        unlisted = self._memberships.unlisted
        if group not in unlisted:  # the usual case, for which no lock is needed
            return
        with self._mailbox.lock:
            if unlisted.get(group, turn + 1) <= turn:
                del unlisted[group]

    def failed(self, group: str) -> None:
        """The store may not have heard of a membership: the next heartbeat tells it all."""
        self._behind.add(self._ring.shard_of(group))

    def remove(self, group: str, address: Address, last: bool, turn: int) -> None:
        """Have the store forget a membership that ended here."""
        call = Membership(group, address, nobody, turn=turn, last=last)
        self._add(self._ring.shard_of(group), Outbox.leave, call)

    def remove_all(self) -> None:
        """Have the store forget all memberships of this node, which ends."""
        with self._mailbox.lock:
            memberships = self._memberships.all()
            turn = self._memberships.turn
        for group, address, _ in memberships:
            self.remove(group, address, True, turn)

    def expire(self, now: float) -> None:
        """End the memberships that nobody renewed."""
        with self._mailbox.lock:
            ended = self._memberships.expire(now)
            turn = self._memberships.turn
        for group, addresses, empty in ended:
            for address in addresses:
                self.remove(group, address, empty and address is addresses[-1], turn)

    # -- what other processes change ------------------------------------------------------

    def join(self, group: str, channel: str, lasts: float) -> None:
        """Another process put one of our channels into a group."""
        address = address_of(channel)
        with self._mailbox.lock:
            until = self._mailbox.clock() + lasts
            self._memberships.add(group, address, until)
            turn = self._memberships.turn
        heeded = partial(self._ack, self._ring.shard_of(group), f"{JOIN}{group}")
        self.put(group, address, lasts, turn, heeded)

    def leave(self, group: str, channel: str) -> None:
        """Another process took one of our channels out of a group."""
        with self._mailbox.lock:
            last = self._memberships.discard(group, channel)
            turn = self._memberships.turn
        self.remove(group, address_of(channel), last, turn)

    # -- what shards may have lost --------------------------------------------------------

    def doubt(self, shards: Iterable[str]) -> None:
        """These may not know all memberships, or keep them long enough: tell them again."""
        self._behind.update(shards)

    def restore(self, shard: str, known: bool) -> None:
        """Tell a shard all memberships if it may need to hear them; ``known``: it knows us."""
        if known and shard not in self._behind:
            return
        self._behind.discard(shard)
        now = self._mailbox.clock()
        with self._mailbox.lock:
            memberships = [
                (group, address, until)
                for group, address, until in self._memberships.all()
                if self._ring.shard_of(group) == shard
            ]
            turn = self._memberships.turn
        for group, address, until in memberships:
            self.put(group, address, until - now, turn)
