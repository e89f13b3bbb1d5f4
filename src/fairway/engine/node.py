"""The node's life: its lease, what it reads, what it holds, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from ..core.envelope import JOIN
from ..core.inbox import Parcel
from ..core.membership import FOR_EVER
from ..core.outbox import Done, Membership, Outbox, Query
from ..errors import StoreUnavailable
from ..names import Address, address_of
from .acks import Acks
from .delivery import Delivery, Receipt
from .demands import Demands, counted, stamps
from .pump import Pump
from .replies import nobody
from .session import Session

if TYPE_CHECKING:
    from .engine import Engine

logger = logging.getLogger("fairway.engine")

#: Seconds between two looks at the clock: for expired messages and idle demands.
TICK = 1.0
#: Memberships told to a shard at once when it lost them.
_RESTORED_AT_ONCE = 500


class Node:
    """One layer object in one process, as the shards know it.

    It begins with the first channel that it reads or puts into a group. Its heartbeat
    comes from the I/O thread, so that a busy event loop doesn't make it look dead.
    """

    def __init__(self, id: str, engine: Engine, start_of_inbox: Any):
        self.id = id
        self._engine = engine
        self._options = engine.options
        self._mailbox = engine.mailbox
        self._lock = threading.Lock()
        self._started = False
        self._closed = False
        #: Shards that did not answer the first heartbeat yet, and who waits for that.
        self._strange = set(engine.shards)
        #: Shards that may not have heard of all memberships.
        self._to_restore: set[str] = set()
        #: The shard that hears what concerns no shard in particular.
        self._first = engine.ring.shards[0]
        self._renew_at = self._mailbox.clock() + self._options.renewal
        self._beginners: list[Callable[[Any, BaseException | None], None]] = []
        #: Whether no loop that stays reads the inboxes yet.
        self.read_at_home = True
        self._pumped_by: Session | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        #: Whom to tell when what this node wrote to itself arrives, by token.
        self._echoes: dict[str, Done] = {}
        self._tokens = count()
        self._reported: Counter[str] = Counter()
        #: Shards whose channels are being looked at.
        self._tidied: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.acks = Acks(engine.home_soon, self._ack_at_home)
        self.demand = Demands(
            list(engine.shards), self._options.prefetch, self._mailbox, self._add, self._lost
        )
        self._deliveries = {
            name: Delivery(
                name, self._mailbox, engine.memberships, self._options.capacities,
                self._options.expiry, self,
            )
            for name in engine.shards
        }  # fmt: skip
        self._pumps = {
            name: Pump(
                shard, engine.health(name), self._deliveries[name], start_of_inbox,
                self._lost_data, partial(engine.drops.record, "undecodable", name, 1),
            )
            for name, shard in engine.shards.items()
        }  # fmt: skip

    # -- beginning --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to live, if it doesn't yet. From any thread."""
        if self._started or self._closed:
            return
        with self._lock:
            first, self._started = not self._started, True
        if first:
            self._engine.home_soon(self._begin)

    @property
    def started(self) -> bool:
        """Whether this node has begun to live."""
        return self._started

    async def begin(self) -> None:
        """:meth:`start`, and wait until the shards know this node, or can't be reached."""
        if self._strange and not self._closed:
            self.start()
            done, reply = self._engine.reply()
            self._engine.home_soon(self._when_begun, done)
            await reply

    def _when_begun(self, done: Callable[[Any, BaseException | None], None]) -> None:
        if self._strange:
            self._beginners.append(done)
        else:
            done(None, None)

    def pump_in(self, session: Session | None) -> None:
        """Somebody receives in this session's loop (None: elsewhere): see that inboxes are read.

        The first loop that stays reads them itself; until there is one the I/O thread does.
        """
        if not self._started:
            self.start()
        if session is not None and self.read_at_home:
            with self._lock:
                first, self.read_at_home = self.read_at_home, False
                if first:
                    self._pumped_by = session
            if first:
                self._engine.home_soon(self._pumps_to, session)

    def pump_left(self, session: Session) -> None:
        """A loop ends: if it read the inboxes, the I/O thread takes over. Call it in either."""
        with self._lock:
            if self._pumped_by is not session:
                return
            self._pumped_by = None
            self.read_at_home = True
        for pump in self._pumps.values():
            if pump.loop is session.loop:
                pump.stop()
        if not self._closed:
            self._engine.home_soon(self._pumps_home)

    def _begin(self) -> None:
        self._engine.close_shortcuts()
        for shard in self._pumps:
            self._beat(shard)
        self._pumps_home()
        self._repeat("tick", TICK, self._tick)

    def _pumps_home(self) -> None:
        if self._pumped_by is None and not self._closed:
            for pump in self._pumps.values():
                if pump.loop is None:
                    pump.start()

    def _pumps_to(self, session: Session) -> None:
        """In the I/O thread: stop reading here, go on there."""
        if self._pumped_by is not session:  # that loop has ended already
            return
        for pump in self._pumps.values():
            pump.stop()
        try:
            session.loop.call_soon_threadsafe(self._pumps_in, session)
        except RuntimeError:  # the loop ended meanwhile
            self.pump_left(session)

    def _pumps_in(self, session: Session) -> None:
        if self._pumped_by is session and not self._closed:
            for pump in self._pumps.values():
                pump.start()

    # -- the lease ----------------------------------------------------------------------

    def _beat(self, shard: str) -> None:
        """Renew the lease at one shard. In the I/O thread."""
        first = shard == self._first
        news = self._drops_to_report() if first else {}
        done = partial(self._beaten, shard, news, self._mailbox.clock())
        self._query(shard, "heartbeat", (self._unread_of_groups() if first else 0, news), done)
        self._repeat(f"beat {shard}", self._options.heartbeat, partial(self._beat, shard))

    def _beaten(
        self, shard: str, news: dict[str, int], asked_at: float, beat: Any,
        error: BaseException | None,
    ) -> None:  # fmt: skip
        self._strange.discard(shard)
        if not self._strange:
            beginners, self._beginners = self._beginners, []
            for done in beginners:
                done(None, None)
        if error is not None:
            self._reported.subtract(news)
            return
        known, now_ms, dead, due = beat
        self._deliveries[shard].set_clock(now_ms, asked_at)
        if not known:
            self.demand.forget_credits(shard)
        if not known or shard in self._to_restore:
            self._restore(shard)
        for node in dead:
            self._soon(self._bury(shard, node))
        if due and shard not in self._tidied:
            self._soon(self._tidy_later(shard, due))

    def _drops_to_report(self) -> dict[str, int]:
        news = {
            cause: number - self._reported[cause]
            for cause, number in self._engine.drops.counts().items()
            if number > self._reported[cause]
        }
        self._reported.update(news)
        return news

    def _unread_of_groups(self) -> int:
        with self._mailbox.lock:
            return sum(
                receipt is None
                for _, parcels in self._mailbox.inbox.parcels()
                for _, _, receipt in parcels
            )

    async def report_drops(self) -> None:
        """Have all drops of this node counted by the store."""
        news = self._drops_to_report()
        if news:
            await self._engine.ask(self._first, "count_drops", news)

    async def survey(self) -> None:
        """Bury the dead and drop what expired, at every shard, now."""
        for shard in self._pumps:
            dead, due = await self._engine.ask(shard, "survey")
            for node in dead:
                await self._bury(shard, node)
            await self._tidy(shard, due)

    async def _tidy(self, shard: str, due: list[str]) -> None:
        """Have normal channels looked at: these, and what else is due until nothing is."""
        while due:
            await self._engine.ask(shard, "tidy", due)
            _, due = await self._engine.ask(shard, "survey")

    async def _tidy_later(self, shard: str, due: list[str]) -> None:
        self._tidied.add(shard)
        try:
            with contextlib.suppress(StoreUnavailable):  # they stay due
                await self._tidy(shard, due)
        finally:
            self._tidied.discard(shard)

    async def _bury(self, shard: str, node: str) -> None:
        """Forget a node whose lease lapsed, on behalf of all."""
        try:
            channels = await self._engine.ask(shard, "undealt", node)
            await self._engine.ask(shard, "bury", node, channels)
            for channel in channels:
                await self._engine.ask(shard, "deal", channel)
        except StoreUnavailable as error:
            logger.info("shard %s: node %s is not buried yet: %s", shard, node, error)

    # -- after breaks -----------------------------------------------------------------------

    def returned(self, shard: str) -> None:
        """A shard is reached again: tell it what waits here, since acknowledgements may be lost."""
        if not self._started or self._closed:
            return
        self._beat(shard)
        self.demand.forget_credits(shard)
        pump = self._pumps[shard]
        self.acks.hold(shard)
        loop = pump.loop
        if loop is None or loop.is_closed():
            self._engine.home_soon(self.acks.resume, shard)
            return
        # Only where the inbox is read do its cursor and what lies here agree.
        loop.call_soon_threadsafe(self._recount, shard)

    def _recount(self, shard: str) -> None:
        unread, cursor = self._unread_of(shard), self._pumps[shard].cursor
        self._engine.home_soon(
            self._query, shard, "resync", (cursor, unread), lambda *_: self.acks.resume(shard)
        )

    def _unread_of(self, shard: str) -> dict[str, int]:
        """What a shard should count as waiting here, by channel."""
        with self._mailbox.lock:
            return {
                channel: number
                for channel, parcels in self._mailbox.inbox.parcels()
                if (number := counted(parcels).get(shard, 0))
            }

    def _lost_data(self, shard: str) -> None:
        """The inbox is gone; the heartbeat finds out what else is."""
        self._echo_all()
        self._engine.home_soon(self._beat, shard)

    def _restore(self, shard: str) -> None:
        """The shard may not know this node's memberships: tell it all of them."""
        self._to_restore.discard(shard)
        now = self._mailbox.clock()
        with self._mailbox.lock:
            memberships = [
                (group, address, until)
                for group, address, until in self._engine.memberships.all()
                if self._engine.ring.shard_of(group) == shard
            ]
            turn = self._engine.memberships.turn
        for first in range(0, len(memberships), _RESTORED_AT_ONCE):
            for group, address, until in memberships[first : first + _RESTORED_AT_ONCE]:
                self.list_member(group, address, until - now, turn)

    # -- reading up -----------------------------------------------------------------------

    async def catch_up(self, shard: str) -> None:
        """Return when all that the shard holds for this node now has been delivered."""
        token = f"{next(self._tokens):x}"
        done, reply = self._engine.reply()
        self._echoes[token] = done
        try:
            await self._engine.ask(shard, "echo", token)
        except StoreUnavailable:  # whoever waits for this will hear it at the next call
            self.echoed(token)
        await reply

    def echoed(self, token: str) -> None:
        """All that came before this token was delivered."""
        done = self._echoes.pop(token, None)
        if done is not None:
            done(None, None)

    def _echo_all(self) -> None:
        """What was to come back may be gone with all that came before it."""
        for token in list(self._echoes):
            self.echoed(token)

    # -- groups -------------------------------------------------------------------------

    def list_member(
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
                self.join_failed(group)
            else:
                self.listed(group, turn)
                listed()

        for_ever = None if lasts == FOR_EVER else lasts
        call = Membership(group, address, done, turn=turn, lasts=for_ever)
        self._add(self._engine.ring.shard_of(group), Outbox.join, call)

    def listed(self, group: str, turn: int) -> None:
        """The store knows that this node is in the group since this turn."""
        unlisted = self._engine.memberships.unlisted
        if group not in unlisted:  # the usual case, for which no lock is needed
            return
        with self._mailbox.lock:
            if unlisted.get(group, turn + 1) <= turn:
                del unlisted[group]

    def join_failed(self, group: str) -> None:
        """The store may not have heard of a membership: the next heartbeat tells it all."""
        self._to_restore.add(self._engine.ring.shard_of(group))

    def unlist(self, group: str, address: Address, last: bool, turn: int) -> None:
        """Have the store forget a membership that ended here."""
        call = Membership(group, address, nobody, turn=turn, last=last)
        self._add(self._engine.ring.shard_of(group), Outbox.leave, call)

    def join(self, group: str, channel: str, lasts: float) -> None:
        """Another process put one of our channels into a group."""
        address = address_of(channel)
        with self._mailbox.lock:
            until = self._mailbox.clock() + lasts
            self._engine.memberships.add(group, address, until)
            turn = self._engine.memberships.turn
        self.list_member(group, address, lasts, turn, partial(self._heard_of_join, group))

    def _heard_of_join(self, group: str) -> None:
        self.acks.add(None, self._engine.ring.shard_of(group), f"{JOIN}{group}", 1)

    def leave(self, group: str, channel: str) -> None:
        """Another process took one of our channels out of a group."""
        with self._mailbox.lock:
            last = self._engine.memberships.discard(group, channel)
            turn = self._engine.memberships.turn
        self.unlist(group, address_of(channel), last, turn)

    def flushed(self) -> None:
        """The store was flushed: nothing waits here any more, and there are no groups."""
        with self._mailbox.lock:
            self._mailbox.inbox.clear()
            self._engine.memberships.clear()
        self.demand.emptied()
        self._echo_all()
        if self._started:
            for shard in self._pumps:
                self.demand.forget_credits(shard)
                self._engine.home_soon(self._beat, shard)

    # -- messages handed over ----------------------------------------------------------------

    def handed_over(self, channel: str, parcels: Sequence[Parcel]) -> None:
        """Messages went to a reader, or were dropped here: their shards count them no more."""
        session = self._engine.session_here()
        if len(parcels) == 1 and parcels[0][2] is not None:  # for one call less per message
            self.acks.add(session, parcels[0][2].shard, channel, 1)
        else:
            for shard, number in counted(parcels).items():
                self.acks.add(session, shard, channel, number)
        if "!" not in channel:
            self.demand.taken(channel, len(parcels))

    def dealt(self, channel: str, shard: str, count: int) -> None:
        """Messages of a normal channel came."""
        self.demand.dealt(channel, shard, count)

    def filled(self, channel: str) -> None:
        """Group messages filled a channel: count them at the store, so that senders hear of it."""
        shard = self._engine.ring.shard_of(channel)
        with self._mailbox.lock:
            number = self._mailbox.inbox.mark(channel, Receipt(shard, 0))
        if number:
            self.acks.add(None, shard, channel, -number)

    def _lost(self, channel: str, count: int) -> None:
        self._engine.drops.record("reader_died", channel, count)

    # -- time ---------------------------------------------------------------------------

    def _tick(self) -> None:
        self._repeat("tick", min(TICK, self._options.expiry / 4), self._tick)
        self._mailbox.sweep()
        self.demand.cool()
        self.demand.ask_again()
        now = self._mailbox.clock()
        with self._mailbox.lock:
            ended = self._engine.memberships.expire(now)
            turn = self._engine.memberships.turn
        for group, addresses, empty in ended:
            for address in addresses:
                self.unlist(group, address, empty and address is addresses[-1], turn)
        if now >= self._renew_at:
            self._renew_at = now + self._options.renewal
            self._to_restore.update(self._pumps)
        self._watch_pumps()

    def _watch_pumps(self) -> None:
        """A loop that stopped without a word reads nothing any more."""
        self._engine.forget_closed_loops()
        session = self._pumped_by
        if session is not None and not session.loop.is_running():
            self.pump_left(session)

    # -- the end ------------------------------------------------------------------------

    async def close(self) -> None:
        """End the node: what it took of normal channels goes back, its channels leave."""
        self._echo_all()
        done, reply = self._engine.reply()
        self.end(done)
        await reply

    def end(self, done: Callable[[Any, BaseException | None], None]) -> None:
        """:meth:`close`, from anywhere; ``done`` hears when all is said."""
        with self._lock:
            started, self._closed = self._started and not self._closed, True
        if started:
            self._engine.home_soon(self._end, done)
        else:
            done(None, None)

    def _end(self, done: Callable[[Any, BaseException | None], None]) -> None:
        for timer in self._timers.values():
            timer.cancel()
        session = self._pumped_by
        if session is not None and session.loop.is_running():
            session.loop.call_soon_threadsafe(self._end_reading, done)
        else:
            self._end_reading(done)

    def _end_reading(self, done: Callable[[Any, BaseException | None], None]) -> None:
        for pump in self._pumps.values():
            pump.stop()
        self._engine.home_soon(lambda: self._soon(self._say_goodbye(done)))

    async def _say_goodbye(self, done: Callable[[Any, BaseException | None], None]) -> None:
        try:
            with self._mailbox.lock:
                memberships = self._engine.memberships.all()
                turn = self._engine.memberships.turn
            for group, address, _ in memberships:
                self.unlist(group, address, True, turn)
            for shard in self._pumps:
                self.acks.hold(shard)
            counts = {shard: self._unread_of(shard) for shard in self._pumps}
            if of_groups := self._unread_of_groups():
                self._lost("channels in groups", of_groups)
            unread = {channel: self.demand.unread(channel) for channel in self.demand.channels()}
            await asyncio.gather(
                *[self._leave_shard(shard, counts[shard], unread) for shard in self._pumps]
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
            cursor = self._pumps[shard].cursor
            if shard == self._first:
                await self.report_drops()
            # What was handed over and not acknowledged yet is not lost.
            await self._engine.ask(shard, "resync", cursor, counts)
            await self._engine.ask(shard, "leave_store", cursor, returned)
            for channel in returned:
                await self._engine.ask(shard, "deal", channel)
        except StoreUnavailable as error:
            # Others bury this node when its lease lapses.
            logger.warning("shard %s: node %s ended without a word: %s", shard, self.id, error)

    # -- helpers ------------------------------------------------------------------------

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do some work in the I/O thread's loop; call it there."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _repeat(self, name: str, delay: float, callback: Callable[[], None]) -> None:
        former = self._timers.pop(name, None)
        if former is not None:
            former.cancel()
        if not self._closed:
            loop = self._engine.home_loop()
            self._timers[name] = loop.call_later(delay, callback)

    def _query(
        self, shard: str, verb: str, arguments: tuple[Any, ...],
        done: Callable[[Any, BaseException | None], None],
    ) -> None:  # fmt: skip
        self._engine.add(None, shard, Outbox.query, Query(verb, arguments, done))

    def _ack_at_home(self, shard: str, channel: str, count: int) -> None:
        self._engine.add(None, shard, _add_ack, (channel, count))

    def _add(self, shard: str, add: Callable[[Outbox, Any], None], call: Any) -> None:
        session = self._engine.session_here()
        if session is not None:
            self._engine.add(session, shard, add, call)
        else:
            self._engine.at_home(shard, add, call)


def _add_ack(outbox: Outbox, ack: tuple[str, int]) -> None:
    outbox.ack(*ack)
