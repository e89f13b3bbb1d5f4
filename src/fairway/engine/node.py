"""The node's life: what it reads, what it holds, and its end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.inbox import READER_DIED, Parcel
from ..core.outbox import Done, Outbox, Query
from ..core.shared import SharedBody
from ..errors import StoreUnavailable
from .acks import Acks
from .chores import Chores
from .delivery import Delivery, Receipt
from .demands import Demands, counted, stamps
from .echoes import Echoes
from .lease import Lease
from .listing import Listing
from .pump import Pump
from .pumps import Pumps
from .session import Session

if TYPE_CHECKING:
    from .engine import Engine

logger = logging.getLogger("fairway.engine")

#: Seconds between two looks at the clock: for expired messages and idle demands.
TICK = 1.0


class Node:
    """One layer object in one process, as the shards know it.

    It begins with the first channel that it reads or puts into a group.
    """

    def __init__(self, id: str, engine: Engine, start_of_inbox: Any):
        self.id = id
        self._engine = engine
        self._options = engine.options
        self._mailbox = engine.mailbox
        self._lock = threading.Lock()
        #: Whether this node has begun to live.
        self.started = False
        self._closed = False
        #: Channels of which the store is being told that group messages fill them.
        self._filled: set[str] = set()
        #: Channels that ended since the last look at the clock.
        self._forgotten: list[str] = []
        self._renew_at = self._mailbox.clock() + self._options.renewal
        self._chores = Chores(engine.home_loop)
        self.echoes = Echoes(engine)
        self.acks = Acks(engine.home_soon, self._ack_at_home)
        self.listing = Listing(engine, self._add, self._heeded)
        self.demand = Demands(
            list(engine.shards), self._options.prefetch, self._mailbox, self._add, self._lost
        )
        deliveries = {
            name: Delivery(
                name, self._mailbox, engine.memberships, self._options.capacities,
                self._options.expiry, self,
            )
            for name in engine.shards
        }  # fmt: skip
        pumps = {
            name: Pump(
                shard, engine.health(name), deliveries[name], start_of_inbox, self._lost_data,
            )
            for name, shard in engine.shards.items()
        }  # fmt: skip
        self.pumps = Pumps(pumps, engine.home_soon)
        self.lease = Lease(engine, self._chores, self.listing, self.demand, deliveries)

    # -- beginning --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to live, if it doesn't yet. From any thread."""
        if self.started or self._closed:
            return
        with self._lock:
            first, self.started = not self.started, True
        if first:
            self._engine.home_soon(self._begin)

    async def begin(self) -> None:
        """:meth:`start`, and wait until the shards know this node, or can't be reached."""
        if not self.lease.begun and not self._closed:
            self.start()
            done, reply = self._engine.reply()
            self._engine.home_soon(self.lease.when_begun, done)
            await reply

    def read_in(self, session: Session | None) -> None:
        """Somebody receives in this session's loop (None: elsewhere): see that inboxes are read."""
        if not self.started:
            self.start()
        if session is not None and self.pumps.at_home:
            self.pumps.go_to(session)

    def _begin(self) -> None:
        self._engine.close_shortcuts()
        for shard in self._engine.shards:
            self.lease.renew(shard)
        self.pumps.go_home()
        self._chores.later("tick", TICK, self._tick)

    # -- after breaks -----------------------------------------------------------------------

    def returned(self, shard: str) -> None:
        """A shard is reached again, or was flushed: tell it what waits here, since what it counts
        may be wrong."""
        if not self.started or self._closed:
            return
        self.lease.renew(shard)
        self.demand.forget_credits(shard)
        pump = self.pumps[shard]
        self.acks.hold(shard)
        loop = pump.loop
        if loop is None or loop.is_closed():
            self._engine.home_soon(self.acks.resume, shard)
            return
        # Only where the inbox is read do its cursor and what lies here agree.
        loop.call_soon_threadsafe(self._recount, shard)

    def _recount(self, shard: str) -> None:
        self.pumps.say_handed()
        with self._mailbox.lock:
            unread = self._unread_of(shard)
            self.acks.forget_held(shard)
        cursor = self.pumps[shard].cursor
        self._engine.home_soon(
            self._query, shard, "resync", (cursor, unread), lambda *_: self.acks.resume(shard)
        )

    def _unread_of(self, shard: str) -> dict[str, int]:
        """What a shard should count as waiting here, by channel. Call it with the lock."""
        return {
            channel: number
            for channel, parcels in self._mailbox.inbox.parcels()
            if (number := counted(parcels).get(shard, 0))
        }

    def _lost_data(self, shard: str) -> None:
        """The inbox is gone; the heartbeat finds out what else is."""
        self.echoes.give_up(shard)
        self._engine.home_soon(self.lease.renew, shard)

    # -- what the inbox says --------------------------------------------------------------

    def echoed(self, token: str) -> None:
        """What this node wrote into its own inbox came back."""
        self.echoes.heard(token)

    def join(self, group: str, channel: str, lasts: float) -> None:
        """Another process put one of our channels into a group."""
        self.listing.join(group, channel, lasts)

    def leave(self, group: str, channel: str) -> None:
        """Another process took one of our channels out of a group."""
        self.listing.leave(group, channel)

    def flushed(self, shard: str) -> None:
        """A shard was flushed: what came from it before this is gone, and so are its groups."""
        shard_of = self._engine.ring.shard_of
        with self._mailbox.lock:
            forgotten = self._mailbox.inbox.clear(lambda parcel: _origin(parcel) == shard)
            self._engine.memberships.clear(lambda group: shard_of(group) == shard)
        for channel, parcels in forgotten:
            if "!" not in channel:
                self.demand.forgotten(channel, len(parcels))
        self.echoes.give_up(shard)
        # It may count some of what was forgotten here: messages that came while it was flushed.
        self._engine.home_soon(self.returned, shard)

    # -- messages handed over ----------------------------------------------------------------

    def taken(self, channel: str, parcel: Parcel) -> None:
        """A message went to a reader: its shard counts it no more."""
        session = self._engine.session_here()
        if session is None:
            self.gone(parcel[2].shard, {channel: 1})
        else:
            session.writers[parcel[2].shard].handed_over(channel)

    def handed(self, shard: str, numbers: Mapping[str, int]) -> None:
        """:meth:`taken`, for several of a shard's."""
        session = self._engine.session_here()
        if session is None:
            self.gone(shard, numbers)
            return
        writer = session.writers[shard]
        for channel, number in numbers.items():
            writer.handed_over(channel, number)

    def gone(self, shard: str, numbers: Mapping[str, int]) -> None:
        """So many messages of each channel, which a shard counts, are here no more."""
        self.acks.add(self._engine.session_here(), shard, numbers)
        for channel, number in numbers.items():
            if "!" not in channel:
                self.demand.taken(channel, number)

    def dropped(self, channel: str, parcels: Sequence[Parcel]) -> None:
        """Messages were dropped here: their shards count them no more."""
        for shard, number in counted(parcels).items():
            self.gone(shard, {channel: number})

    def dealt(self, channel: str, shard: str, count: int) -> None:
        """Messages of a normal channel came."""
        self.demand.dealt(channel, shard, count)

    def filled(self, channel: str) -> None:
        """Group messages filled a channel: have the store count them, so that senders hear of it.

        Until it does they have no receipt: what is handed over meanwhile would be taken off a
        count that it is not in yet.
        """
        with self._mailbox.lock:
            number = self._mailbox.inbox.without_receipt(channel)
        if number and channel not in self._filled:
            self._filled.add(channel)
            shard = self._engine.ring.shard_of(channel)
            counted = partial(self._counted, channel, shard, number)
            self._engine.home_soon(self._query, shard, "fill", (channel, number), counted)

    def _counted(
        self, channel: str, shard: str, number: int, _: object, error: BaseException | None
    ) -> None:
        self._filled.discard(channel)
        if error is not None:  # where it was counted all the same, connected anew we say better
            return
        with self._mailbox.lock:
            marked = self._mailbox.inbox.mark(channel, Receipt(shard, 0), number)
        if marked < number:
            self.acks.add(None, shard, {channel: number - marked})

    def forgotten(self, channel: str) -> None:
        """Nobody will read this channel: what is on its way to it goes when it came."""
        if self.started:
            self._forgotten.append(channel)

    async def _drop_forgotten(self) -> None:
        forgotten, self._forgotten = self._forgotten, []
        await self.echoes.catch_up_with_all()
        for channel in forgotten:
            self._mailbox.drop_all(READER_DIED, channel)

    def _lost(self, channel: str, count: int) -> None:
        self._engine.drops.record(READER_DIED, channel, count)

    # -- time ---------------------------------------------------------------------------

    def _tick(self) -> None:
        self._chores.later("tick", min(TICK, self._options.expiry / 4), self._tick)
        self._mailbox.sweep()
        self.demand.cool()
        self.demand.ask_again()
        now = self._mailbox.clock()
        self.echoes.expire(now)
        if self._forgotten:
            self._chores.soon(self._drop_forgotten())
        self.listing.expire(now)
        if now >= self._renew_at:
            self._renew_at = now + self._options.renewal
            self.listing.doubt(self._engine.shards)
        self._engine.sessions.forget_closed()
        self.pumps.watch()

    # -- the end ------------------------------------------------------------------------

    async def close(self) -> None:
        """End the node: what it took of normal channels goes back, its channels leave."""
        done, reply = self._engine.reply()
        self.end(done)
        await reply

    def end(self, done: Done) -> None:
        """:meth:`close`, from anywhere; ``done`` hears when all is said."""
        with self._lock:
            started, self._closed = self.started and not self._closed, True
        self.echoes.end()
        if started:
            self._engine.home_soon(self._end, done)
        else:
            done(None, None)

    def _end(self, done: Done) -> None:
        self._chores.end()
        goodbye = partial(self._say_goodbye_soon, done)
        self.pumps.end(partial(self._engine.home_soon, goodbye))

    def _say_goodbye_soon(self, done: Done) -> None:
        self._chores.soon(self._say_goodbye(done))

    async def _say_goodbye(self, done: Done) -> None:
        try:
            self.listing.remove_all()
            for shard in self._engine.shards:
                self.acks.hold(shard)
            with self._mailbox.lock:
                counts = {shard: self._unread_of(shard) for shard in self._engine.shards}
            if of_groups := self._mailbox.without_receipt():
                self._lost("channels in groups", of_groups)
            unread = {channel: self.demand.unread(channel) for channel in self.demand.channels()}
            await asyncio.gather(
                *[self._leave_shard(shard, counts[shard], unread) for shard in self._engine.shards]
            )
        finally:
            done(None, None)

    async def _leave_shard(
        self,
        shard: str,
        counts: Mapping[str, int],
        unread: Mapping[str, Mapping[str, Sequence[Parcel]]],
    ) -> None:
        returned = {
            channel: stamps(by_shard.get(shard, [])) for channel, by_shard in unread.items()
        }
        try:
            cursor = self.pumps[shard].cursor
            if shard == self.lease.first:
                await self.lease.report_drops()
            # What was handed over and not acknowledged yet is not lost.
            await self._engine.ask(shard, "resync", cursor, counts)
            await self._engine.ask(shard, "leave_store", cursor, returned)
            for channel in returned:
                await self._engine.ask(shard, "deal", channel)
        except StoreUnavailable as error:
            # Others bury this node when its lease lapses.
            logger.warning("shard %s: node %s ended without a word: %s", shard, self.id, error)

    # -- helpers ------------------------------------------------------------------------

    def _query(self, shard: str, verb: str, arguments: tuple[Any, ...], done: Done) -> None:
        self._engine.add(None, shard, Outbox.query, Query(verb, arguments, done))

    def _heeded(self, shard: str, notice: str) -> None:
        self.acks.add(None, shard, {notice: 1})

    def _ack_at_home(self, shard: str, numbers: Mapping[str, int]) -> None:
        self._engine.add(None, shard, Outbox.ack, numbers)

    def _add(self, shard: str, add: Callable[[Outbox, Any], None], call: Any) -> None:
        session = self._engine.session_here()
        if session is not None:
            self._engine.add(session, shard, add, call)
        else:
            self._engine.at_home(shard, add, call)


def _origin(parcel: Parcel) -> str:
    """The shard that a message came by; empty for one that this layer put there itself."""
    _, body, receipt = parcel
    if isinstance(body, SharedBody):
        return body.shard
    return "" if receipt is None else str(receipt.shard)
