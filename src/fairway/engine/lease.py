"""The node's lease at each shard, and what every node does there for all: bury, tidy, count."""

from __future__ import annotations

import contextlib
import logging
import math
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.outbox import Done, Outbox, Query
from ..errors import StoreUnavailable
from .chores import Chores
from .delivery import Delivery
from .demands import Demands
from .listing import Listing

if TYPE_CHECKING:
    from .engine import Engine

logger = logging.getLogger("fairway.engine")

#: Seconds without a message after which it is said anew that readers wait, at the latest.
_LONGEST_WISH = 30.0


class Lease:
    """Renews it; the answers say what else is to be done.

    Its heartbeat comes from the I/O thread, so that a busy event loop doesn't make the node
    look dead.
    """

    def __init__(
        self,
        engine: Engine,
        chores: Chores,
        listing: Listing,
        demand: Demands,
        deliveries: Mapping[str, Delivery],
    ):
        self._engine = engine
        self._chores = chores
        self._listing = listing
        self._demand = demand
        self._deliveries = deliveries
        #: The shard that hears what concerns no shard in particular.
        self.first = engine.ring.shards[0]
        #: Shards that did not answer the first heartbeat yet, and who waits for that.
        self._strange = set(engine.shards)
        self._beginners: list[Done] = []
        self._reported: Counter[str] = Counter()
        #: Until when what readers wait for counts as known to each shard.
        self._renew_demand_at = dict.fromkeys(engine.shards, -math.inf)
        #: Shards whose channels are being looked at.
        self._tidied: set[str] = set()

    # -- the heartbeat ------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether all shards know this node, or can't be reached."""
        return not self._strange

    def when_begun(self, done: Done) -> None:
        """Tell when that is so."""
        if self.begun:
            done(None, None)
        else:
            self._beginners.append(done)

    def renew(self, shard: str) -> None:
        """Renew the lease at one shard, now and from now on. In the I/O thread."""
        first = shard == self.first
        news = self._drops_to_report() if first else {}
        arguments = (self._engine.mailbox.without_receipt() if first else 0, news)
        done = partial(self._renewed, shard, news, self._engine.mailbox.clock())
        self._engine.add(None, shard, Outbox.query, Query("heartbeat", arguments, done))
        again = partial(self.renew, shard)
        self._chores.later(f"renew {shard}", self._engine.options.heartbeat, again)

    def _renewed(
        self, shard: str, news: dict[str, int], asked_at: float, answer: Any,
        error: BaseException | None,
    ) -> None:  # fmt: skip
        self._strange.discard(shard)
        if self.begun:
            beginners, self._beginners = self._beginners, []
            for done in beginners:
                done(None, None)
        if error is not None:
            self._reported.subtract(news)
            return
        known, now_ms, dead, due = answer
        self._deliveries[shard].set_clock(now_ms, asked_at)
        self._renew_demand(shard, known, asked_at)
        self._listing.restore(shard, known)
        for node in dead:
            self._chores.soon(self._bury(shard, node))
        if due and shard not in self._tidied:
            self._chores.soon(self._tidy_later(shard, due))

    def _renew_demand(self, shard: str, known: bool, now: float) -> None:
        """Ask for messages again, so often that none expires where a wish for it was lost, or
        its sender died before it was dealt."""
        if not known:
            self._demand.forget_credits(shard)
        elif now >= self._renew_demand_at[shard]:
            self._demand.renew(shard)
        else:
            return
        self._renew_demand_at[shard] = now + min(self._engine.options.expiry / 2, _LONGEST_WISH)

    # -- drops --------------------------------------------------------------------------

    async def report_drops(self) -> None:
        """Have all drops of this node counted by the store."""
        news = self._drops_to_report()
        if news:
            await self._engine.ask(self.first, "count_drops", news)

    def _drops_to_report(self) -> dict[str, int]:
        news = {
            cause: number - self._reported[cause]
            for cause, number in self._engine.drops.counts().items()
            if number > self._reported[cause]
        }
        self._reported.update(news)
        return news

    # -- for all ------------------------------------------------------------------------

    async def survey(self) -> None:
        """Bury the dead and drop what expired, at every shard, now."""
        for shard in self._engine.shards:
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
