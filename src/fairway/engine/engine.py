"""A node at work: calls go to the shards, what the shards hold for it comes to its readers.

A loop that has shown that it stays has connections of its own; calls from threads
and from loops that come and go are carried out by the background I/O thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from asyncio import events
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, TypeVar

from ..core.capacity import Capacities
from ..core.inbox import OVER_CAPACITY, READER_DIED, Taken
from ..core.membership import FOR_EVER, Memberships
from ..core.outbox import Done, GroupSend, Membership, Outbox, Query, Send
from ..core.ring import Ring
from ..drops import Drops
from ..errors import ChannelFull, LayerClosed, StoreUnavailable
from ..mailbox import Mailbox
from ..names import Address, address_of
from ..store import Shard
from ..types import Statistics
from .figures import merge_figures
from .health import ShardHealth
from .home import Home
from .node import Node
from .replies import Reply, gather, may_wait, nobody, run, settle
from .session import Session
from .sessions import Sessions
from .shortcut import SMALL, Shortcut
from .spread import Spread

T = TypeVar("T")

logger = logging.getLogger("fairway.engine")


def _ignore_shard(shard: str) -> None:
    """Nobody asked to hear of breaks."""


@dataclass
class EngineOptions:
    """How a node behaves. Times in seconds."""

    expiry: float = 60
    group_expiry: float | None = 86400
    capacities: Capacities = field(default_factory=lambda: Capacities(100))
    #: Messages of a normal channel taken ahead of its readers.
    prefetch: int = 250
    #: How often a node says that it lives, and how long it counts as living after.
    heartbeat: float = 2.0
    lease: float = 10.0
    #: How long calls wait for a shard that can't be reached.
    patience: float = 5.0
    #: How often the shards are told all memberships, so that they keep those that last.
    renewal: float = 21600.0
    #: How long a loop must have lived to get connections of its own.
    settling: float = 1.0
    on_disconnect: Callable[[str], None] = _ignore_shard
    on_reconnect: Callable[[str], None] = _ignore_shard


class Engine:
    """The verbs of :class:`fairway.store.Store` over shards that wait."""

    def __init__(
        self,
        node: str,
        shards: Sequence[Shard],
        options: EngineOptions,
        clock: Callable[[], float],
        start_of_inbox: Any,
    ):
        self.options = options
        self.shards = {shard.name: shard for shard in shards}
        self.ring = Ring(self.shards)
        #: The name of the shard where it has no other; else empty.
        self._only_shard = "" if len(self.shards) > 1 else self.ring.shards[0]
        self.drops = Drops(clock)
        self._turn = count()
        self._home = Home(f"fairway-{node}")
        self._home_session: Session | None = None
        self._watching: list[asyncio.Task[None]] = []
        self.sessions = Sessions(options.settling, self._make_session, self._session_ended, clock)
        #: The running loop's own session, if it has shown that it stays.
        self.session_here = self.sessions.here
        self._sessions_by_loop = self.sessions.by_loop
        self._health = {
            name: ShardHealth(name, self._broke, self._returned) for name in self.shards
        }
        self._shortcuts = {
            name: Shortcut(shard, self.home_soon) for name, shard in self.shards.items()
        }
        self.mailbox = Mailbox(clock, self.drops)
        self.memberships = Memberships()
        self._group_lifetime = FOR_EVER if options.group_expiry is None else options.group_expiry
        self.node = Node(node, self, start_of_inbox)
        self.mailbox.on_taken, self.mailbox.on_dropped = self.node.taken, self.node.dropped

    # -- sending ----------------------------------------------------------------------

    def send(self, address: Address, body: bytes, capacity: int) -> Awaitable[None]:
        loop = events._get_running_loop()
        session = self._sessions_by_loop.get(loop)  # for a call less: that is what time goes to
        if session is None:
            session, new = self.sessions.meet(loop)
        if session is None:
            reply = Reply(loop)
            if address.node is not None or self._only_shard:
                shard = self.ring.shard_of(address.name)
                call = Send(address, body, capacity, reply)
                self._from_outside(shard, Outbox.send, call, new)
            else:
                self.home_soon(self._send, None, address, body, capacity, reply)
            return reply
        future: asyncio.Future[None] = asyncio.Future(loop=session.loop)
        if address.node is not None or self._only_shard:  # for some calls less
            writer = session.writers[self._only_shard or self.ring.shard_of(address.name)]
            call = Send(address, body, capacity, partial(settle, future))
            if writer.scheduled:  # nearly always, where there are many
                writer.outbox.send(call)
            else:
                writer.send(Outbox.send, call)
        else:
            self._send(session, address, body, capacity, partial(settle, future))
        return future

    def _send(
        self, session: Session | None, address: Address, body: bytes, capacity: int, done: Done
    ) -> None:
        """Add a message to an outbox of this thread's session; None is the I/O thread's."""
        if address.node is not None or self._only_shard:
            shard = self.ring.shard_of(address.name)
            self.carry_out(session, shard, Outbox.send, Send(address, body, capacity, done))
        else:
            spread = Spread(address, body, capacity, done, self.ring.shards, next(self._turn))
            spread.send(partial(self.carry_out, session))

    def group_send(self, group: str, body: bytes) -> Awaitable[None]:
        shard = self._only_shard or self.ring.shard_of(group)
        loop = events._get_running_loop()
        session = self._sessions_by_loop.get(loop)
        if session is None:
            session, new = self.sessions.meet(loop)
        if session is None:
            reply = Reply(loop)
            call = GroupSend(group, body, partial(self._to_channels, None, body, reply))
            self._from_outside(shard, Outbox.group_send, call, new)
            return reply
        future: asyncio.Future[None] = session.loop.create_future()
        done = partial(self._to_channels, session, body, partial(settle, future))
        session.writers[shard].send(Outbox.group_send, GroupSend(group, body, done))
        return future

    def _to_channels(
        self,
        session: Session | None,
        body: bytes,
        done: Done,
        channels: Sequence[str],
        error: BaseException | None,
    ) -> None:
        """The group's nodes have their message; its normal channels get theirs one by one."""
        if error is not None or not channels:
            done(None, error)
            return
        each = gather(len(channels), lambda _, error: done(None, error))
        for channel in channels:
            address = address_of(channel)
            sent = partial(self._sent_for_group, channel, each)
            call = session, address, body, self.options.capacities.of(address), sent
            if session is None:  # a thread may have carried out the first part
                self.home_soon(self._send, *call)
            else:
                self._send(*call)

    def _sent_for_group(
        self, channel: str, done: Done, _: Any, error: BaseException | None
    ) -> None:
        if isinstance(error, ChannelFull):
            self.drops.record(OVER_CAPACITY, channel, 1)
            self.node.start()  # who only sends has no heartbeat, which tells the store of drops
            error = None
        done(None, error)

    # -- receiving --------------------------------------------------------------------

    def receive(
        self, channels: Sequence[str], timeout: float | None
    ) -> Taken | Awaitable[Taken | None] | None:
        if self.node.pumps.at_home:
            self.node.read_in(self.session_here())
        found = self.mailbox.take(channels, timeout)
        if len(channels) == 1 and (isinstance(found, tuple) or "!" in channels[0]):
            return found
        normal = [channel for channel in channels if "!" not in channel]
        if not normal:
            return found
        self._say_handed()
        if found is not None and not isinstance(found, tuple):
            return self._wait_at_normal(normal, found)
        if found is None:
            self.node.demand.polled(normal)
            return self._take_what_shards_have(channels)
        self.node.demand.passed_over(normal)
        return found

    async def _take_what_shards_have(self, channels: Sequence[str]) -> Taken | None:
        """For who doesn't wait: what was asked for may be there, if only not here yet."""
        await self.node.echoes.catch_up_with_all()
        return self.mailbox.take_now(channels)

    async def _wait_at_normal(
        self, normal: Sequence[str], coming: Awaitable[Taken | None]
    ) -> Taken | None:
        self.node.demand.waits(normal)
        try:
            return await coming
        finally:
            self.node.demand.left(normal)

    def _say_handed(self) -> None:
        """Demand grows by what was handed over; have it know that before it hears of a reader."""
        session = self.session_here()
        if session is not None:
            session.say_handed()

    def receive_blocking(self, channels: Sequence[str], timeout: float | None) -> Taken | None:
        self.node.read_in(None)
        normal = [channel for channel in channels if "!" not in channel]
        taken = self.mailbox.take_now(channels)
        if taken is not None:
            self.node.demand.passed_over(normal)
            return taken
        if timeout == 0:
            self.node.demand.polled(normal)
            if normal and events._get_running_loop() is None:
                run(self.node.echoes.catch_up_with_all())
            return self.mailbox.take_now(channels)
        self.node.demand.waits(normal)
        try:
            return self.mailbox.wait_blocking(channels, timeout)
        finally:
            self.node.demand.left(normal)

    async def begin(self) -> None:
        await self.node.begin()

    # -- groups -----------------------------------------------------------------------

    async def group_add(self, group: str, address: Address) -> None:
        turn = 0
        if address.node == self.node.id:
            self.node.start()
            with self.mailbox.lock:
                until = self.mailbox.clock() + self._group_lifetime
                first = self.memberships.add(group, address, until)
                turn = self.memberships.turn
                if first:
                    self.memberships.unlisted[group] = turn
                listed = group not in self.memberships.unlisted
            if listed:
                # The store knows the node already; the name is for listings only.
                self.node.listing.put(group, address, self._group_lifetime, turn)
                return
        lasts = self.options.group_expiry
        try:
            await self._call(
                group,
                Outbox.join,
                lambda done: Membership(group, address, done, turn=turn, lasts=lasts),
            )
        except StoreUnavailable:
            if turn:
                self.node.listing.failed(group)
            raise
        if turn:
            self.node.listing.done(group, turn)

    async def group_discard(self, group: str, address: Address) -> None:
        last, turn = False, 0
        if address.node == self.node.id:
            left = self.memberships.find(group, address.name)
            if self.node.started:
                # Another thread, or the store, may have yet to deliver what was sent to it before.
                await self.node.echoes.catch_up(self.ring.shard_of(group))
            with self.mailbox.lock:
                if left is not None and self.memberships.find(group, address.name) is not left:
                    return  # it joined again meanwhile
                last = self.memberships.discard(group, address.name)
                turn = self.memberships.turn
        await self._call(
            group, Outbox.leave, lambda done: Membership(group, address, done, turn=turn, last=last)
        )

    async def forget_channel(self, address: Address) -> None:
        with self.mailbox.lock:
            left = self.memberships.discard_channel(address.name)
            turn = self.memberships.turn
        for group, last in left:
            self.node.listing.remove(group, address, last, turn)
        self.mailbox.drop_all(READER_DIED, address.name)
        self.node.forgotten(address.name)

    async def group_channels(self, group: str) -> list[str]:
        names: list[str] = await self.ask(self.ring.shard_of(group), "group_channels", group)
        return names

    # -- the store as a whole -----------------------------------------------------------

    async def statistics(self, address: Address | None) -> Statistics:
        self.mailbox.sweep()
        await self.node.lease.report_drops()
        await self.node.lease.survey()
        figures = [await self.ask(shard, "statistics", address) for shard in self.shards]
        return merge_figures(figures)

    async def flush(self) -> None:
        if self.node.started:
            await self.node.begin()  # shards tell the nodes that they know
        for shard in self.shards:
            await self.ask(shard, "flush")
        if self.node.started:
            # What this node too is told must not end what begins from now on.
            await self.node.echoes.catch_up_with_all()

    async def close(self) -> None:
        self.mailbox.dismiss(LayerClosed("the layer was closed"))
        await self.node.close()
        done, reply = self.reply()
        self._stop_soon(done)
        await reply

    def _stop_soon(self, done: Done) -> None:
        # In a thread of its own, since the I/O thread can't wait for itself to end.
        threading.Thread(target=self._stop, args=(done,), name="fairway-close").start()

    def _stop(self, done: Done) -> None:
        for session in self.sessions.all():
            session.close_from_anywhere()
        if self._home.is_running:
            self._home.soon(self.close_shortcuts)
        self._home.stop()
        for shortcut in self._shortcuts.values():
            shortcut.abandon()
        done(None, None)

    def tell_all(self, body: bytes) -> None:
        """Put a message into every channel of this process that somebody uses."""
        now = self.mailbox.clock()
        parcel = (now + self.options.expiry, body, None)
        with self.mailbox.lock:
            members = {address.name for _, address, _ in self.memberships.all()}
            own = [name for name in self.mailbox.inbox.channels() if "!" in name]
            inbox = self.mailbox.inbox
            waiters = [inbox.put(name, parcel, 1 << 62, now) for name in members.union(own)]
        self.mailbox.wake(waiter for waiter in waiters if waiter is not None)

    def abandon(self) -> None:
        """:meth:`close` without anybody to wait: the layer object is gone."""
        if self._home.is_running:
            self.node.end(lambda *_: self._stop_soon(nobody))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return run(call)

    # -- where things are ----------------------------------------------------------------

    async def ask(self, shard: str, verb: str, *arguments: Any) -> Any:
        """Put a question to a shard."""
        done, reply = self.reply()
        self.at_home(shard, Outbox.query, Query(verb, arguments, done))
        return await reply

    def _from_outside(
        self, shard: str, add: Callable[[Outbox, Any], None], call: Send | GroupSend, new: bool
    ) -> None:
        """Carry out a call of a thread or a loop that has no session: there, or at home.

        There only where nothing is received: a node that lives has two connections to a
        shard already, and that shall be all. It may take a moment, which a loop may stand
        still for, once (it is ``new``), or where it has nothing else to do.
        """
        briefly = not self.node.started and len(call.body) <= SMALL and (new or may_wait())
        if not briefly or not self._shortcuts[shard].carry_out(call):
            self.at_home(shard, add, call)

    def close_shortcuts(self) -> None:
        """Threads' calls go by way of the I/O thread from now on; call it there."""
        for shortcut in self._shortcuts.values():
            shortcut.close()

    def at_home(self, shard: str, add: Callable[[Outbox, Any], None], call: Any) -> None:
        """Have the I/O thread carry out a call."""
        self._home.soon(self.carry_out, None, shard, add, call)

    def home_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call something in the I/O thread."""
        self._home.soon(callback, *arguments)

    def home_loop(self) -> asyncio.AbstractEventLoop:
        """The I/O thread's loop."""
        return self._home.loop

    def health(self, shard: str) -> ShardHealth:
        """How the connections to a shard fare."""
        return self._health[shard]

    async def _call(
        self, name: str, add: Callable[[Outbox, Any], None], make: Callable[[Any], Any]
    ) -> None:
        await self._call_shard(self.ring.shard_of(name), add, make)

    async def ask_here(self, shard: str, verb: str, *arguments: Any) -> Any:
        """Put a question to a shard, after all that was asked of it in this thread before."""
        make = partial(Query, verb, arguments)
        return await self._call_shard(shard, Outbox.query, make)

    async def _call_shard(
        self, shard: str, add: Callable[[Outbox, Any], None], make: Callable[[Any], Any]
    ) -> Any:
        session = self.session_here()
        if session is None:
            done, reply = self.reply()
            self.at_home(shard, add, make(done))
            return await reply
        future: asyncio.Future[Any] = session.loop.create_future()
        self.carry_out(session, shard, add, make(partial(settle, future)))
        return await future

    def carry_out(
        self, session: Session | None, shard: str, add: Callable[[Outbox, Any], None], call: Any
    ) -> None:
        """Add a call to an outbox of this thread's session; None is the I/O thread's."""
        writer = (session or self.session_at_home()).writers[shard]
        add(writer.outbox, call)
        writer.flush()

    def add(
        self, session: Session | None, shard: str, add: Callable[[Outbox, Any], None], call: Any
    ) -> None:
        """:meth:`carry_out` for a call that nobody waits for: it goes with the next ones."""
        writer = (session or self.session_at_home()).writers[shard]
        add(writer.outbox, call)
        writer.flush_soon()

    def session_at_home(self) -> Session:
        """The I/O thread's session; call it there."""
        if self._home_session is None:
            self._home_session = self._make_session()
            create = self._home_session.loop.create_task
            self._watching = [create(shard.watch()) for shard in self.shards.values()]
        return self._home_session

    def _make_session(self) -> Session:
        return Session(self.shards, self.health, self.options.patience, self.node.gone)

    def reply(self) -> tuple[Done, Awaitable[Any]]:
        """A callback for the I/O thread, and what the caller awaits meanwhile."""
        reply = Reply(events._get_running_loop())
        return reply, reply

    def _session_ended(self, session: Session) -> None:
        """What it had no time to acknowledge would count as unread for ever."""
        session.say_handed()
        for shard, writer in session.writers.items():
            if acks := writer.outbox.take_acks():
                self.node.acks.add(None, shard, acks)
        self.node.pumps.left(session)

    # -- breaks --------------------------------------------------------------------------

    def _broke(self, shard: str) -> None:
        if self._home.is_running:
            with contextlib.suppress(LayerClosed):
                self.home_soon(self._shortcuts[shard].drop)
        self._tell(self.options.on_disconnect, shard)

    def _returned(self, shard: str) -> None:
        with contextlib.suppress(LayerClosed):
            self.home_soon(self.node.returned, shard)
        self._tell(self.options.on_reconnect, shard)

    def _tell(self, callback: Callable[[str], None], shard: str) -> None:
        try:
            callback(shard)
        except Exception:
            # A mistake of theirs must not keep us from connecting again.
            logger.exception("on_disconnect or on_reconnect raised for shard %s", shard)
