"""The one thread of a node that writes to the database, and its connection.

Batches that come while it is busy become one transaction: the busier the database, the
more each transaction carries.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from ..core.outbox import Batch, Query
from ..errors import FairwayError, OutcomeUnknown
from .connection import Connection
from .decide import Decision, Outcome, needs_of
from .faults import Broken, Refused
from .handed import HandedOver
from .link import DatabaseLink
from .options import LinkOptions
from .queries import DatabaseQueries, deal_all
from .quick import QuickWay, quick_outcomes
from .state import Needs, State
from .transaction import Transactions

logger = logging.getLogger("fairway.database")

#: Batches that one transaction carries at the most.
_BATCHES_AT_ONCE = 200
#: Seconds that acknowledgements wait for company: a fetch, or calls, that take them along.
_COMPANY = 0.001

Job = tuple[DatabaseLink, Batch]


class Desk:
    """Starts its thread with the first link, and ends it with the last."""

    def __init__(
        self,
        open: Callable[[], Connection],
        options: LinkOptions,
        wake: Callable[[str], str],
        wake_own: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._open = open
        self._options = options
        self._wake = wake
        self._wake_own = wake_own
        self._clock = clock
        self._lock = threading.Lock()
        self._tasks: SimpleQueue[Callable[[], None] | Job] = SimpleQueue()
        self._links: set[DatabaseLink] = set()
        self._serving = False
        self._transactions: Transactions | None = None
        #: Where one round trip takes several statements.
        self._quick: QuickWay | None = None
        #: Normal channels of which the last transaction left something to deal.
        self._undealt: set[str] = set()
        self.handed = HandedOver()

    # -- from any thread --------------------------------------------------------------

    def join(self, link: DatabaseLink) -> Future[None]:
        """Connect for this link; the future raises :class:`StoreUnavailable`."""
        joined: Future[None] = Future()
        with self._lock:
            self._links.add(link)
            self._tasks.put(lambda: self._join(link, joined))
            if not self._serving:
                self._serving = True
                name = f"fairway-db-{self._options.node}"
                threading.Thread(target=self._serve, name=name, daemon=True).start()
        return joined

    def write(self, link: DatabaseLink, batch: Batch) -> None:
        """Carry out a batch; its callers hear through the link."""
        if batch.acks:
            self.handed.add(batch.acks)
            batch.acks = {}
        self._tasks.put((link, batch))

    def leave(self, link: DatabaseLink) -> None:
        """A link is not wanted any more; what it wrote before is still carried out."""
        with self._lock:
            self._links.discard(link)
        self._tasks.put(lambda: None)

    # -- the thread -------------------------------------------------------------------

    def _serve(self) -> None:
        while self._wanted():
            jobs = self._next()
            if jobs:
                self._carry_out(jobs)

    def _wanted(self) -> bool:
        """Whether anybody needs this thread; where not, its connection ends with it."""
        with self._lock:
            if self._links or not self._tasks.empty():
                return True
            # At once: the next thread must not meet what this one is about to close.
            self._serving = False
            transactions, self._transactions = self._transactions, None
        if transactions is not None:
            transactions.connection.close()
        return False

    def _next(self) -> list[Job]:
        """Wait for something to do; batches that came together."""
        jobs: list[Job] = []
        task: Callable[[], None] | Job = self._tasks.get()
        alone_until = self._clock() + _COMPANY
        while True:
            if callable(task):
                if jobs:
                    self._carry_out(jobs)
                    jobs = []
                task()
            else:
                jobs.append(task)
            if len(jobs) >= _BATCHES_AT_ONCE:
                return jobs
            patience = alone_until - self._clock() if _nobody_waits(jobs) else 0
            try:
                task = self._tasks.get(block=patience > 0, timeout=max(patience, 0))
            except Empty:
                return jobs

    def _join(self, link: DatabaseLink, joined: Future[None]) -> None:
        if not joined.set_running_or_notify_cancel():
            return
        try:
            self._connected()
        except Exception as error:
            with self._lock:
                self._links.discard(link)
            joined.set_exception(_as_ours(error))
        else:
            joined.set_result(None)

    def _connected(self) -> Transactions:
        if self._transactions is None:
            connection = self._open()
            self._transactions = Transactions(connection, self._options, self._wake, self._wake_own)
            if connection.features.together:
                row_bytes = connection.features.row_bytes
                self._quick = QuickWay(self._options, row_bytes, self._wake)
        return self._transactions

    def _disconnect(self) -> None:
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            transactions.connection.close()
            # Its connection may lead to the same place, where it can look, but not write.
            self._wake_own()

    def _carry_out(self, jobs: list[Job]) -> None:
        """All batches in one transaction, or each in its own where that one is refused."""
        try:
            outcomes = self._again_if_broken(lambda: self._change(jobs))
        except OutcomeUnknown as error:
            self._fail(jobs, error)
            self._break()
        except Broken as error:
            self._fail(jobs, error)
            self._break()
        except Exception as error:
            if len(jobs) == 1:
                self._fail(jobs, _as_ours(error))
                return
            for job in jobs:
                self._carry_out([job])
        else:
            for (link, _), told in zip(jobs, outcomes, strict=True):
                link.finish(told)
            self._deal_rest()
            for link, batch in jobs:
                for query in batch.queries:
                    self._answer(link, query)

    def _change(self, jobs: list[Job]) -> list[list[Outcome]]:
        """What the callers of each batch hear, once all of them are carried out."""
        handed = Batch()
        handed.acks = self.handed.take()
        try:
            return self._change_all([handed, *(batch for _, batch in jobs)])[1:]
        except OutcomeUnknown:
            raise  # the node will tell what it holds
        except Exception:
            self.handed.add(handed.acks)
            raise

    def _change_all(self, batches: list[Batch]) -> list[list[Outcome]]:
        needs = Needs()
        for batch in batches:
            _widen(needs, needs_of(batch, self._options.node))
        if needs == Needs():
            return [[] for _ in batches]
        if self._quickly(batches):
            return list(map(quick_outcomes, batches))

        def decide(state: State) -> tuple[list[list[Outcome]], set[str]]:
            outcomes = []
            for batch in batches:
                decision = Decision(state)
                decision.apply(batch)
                outcomes.append(decision.outcomes)
            return outcomes, state.undealt

        outcomes, self._undealt = self._connected().change(needs, decide)
        return outcomes

    def _deal_rest(self) -> None:
        """Deal what one transaction did not get to. Whatever fails here, what was carried out

        stays so; readers who got nothing will ask anew.
        """
        undealt, self._undealt = self._undealt, set()
        try:
            while undealt:
                undealt = self._connected().change(Needs(channels=undealt), deal_all)
        except Exception as error:
            logger.warning("messages of %s wait until a reader asks anew: %s", undealt, error)
            if isinstance(error, (Broken, OutcomeUnknown)):
                self._break()

    def _quickly(self, batches: list[Batch]) -> bool:
        """Carry batches out in one round trip, if that is possible."""
        transactions = self._connected()
        if self._quick is None:
            return False
        quick = self._quick.find(batches)
        if quick is None:
            return False
        connection = transactions.connection
        connection.check()
        try:
            answers = transactions.patiently(lambda: connection.transact(*quick.calls))
        except Broken as error:
            raise OutcomeUnknown(f"the connection broke while a call was under way: {error}") from (
                error
            )
        except Refused:
            return False  # no room, perhaps: see
        if not quick.worked(answers):
            self._quick.leave_out(quick)
            return False
        return True

    def _answer(self, link: DatabaseLink, query: Query[Any]) -> None:
        if query.name == "resync":
            self.handed.take()  # which it says better

        def ask() -> Any:
            return DatabaseQueries(self._connected()).answer(query.name, query.arguments)

        try:
            answer = self._again_if_broken(ask)
        except Exception as error:
            link.tell([(query.done, None, _as_ours(error))])
            if isinstance(error, (Broken, OutcomeUnknown)):
                self._break()
        else:
            link.tell([(query.done, answer, None)])

    def _again_if_broken(self, work: Callable[[], Any]) -> Any:
        """A connection that broke while nobody used it is found so now: try on a new one."""
        fresh = self._transactions is None
        try:
            return work()
        except Broken:
            if fresh:
                raise
            self._disconnect()
            return work()

    def _fail(self, jobs: list[Job], error: FairwayError) -> None:
        for link, batch in jobs:
            link.finish([(done, None, error) for done in batch.calls()])

    def _break(self) -> None:
        """Let every loop know, and connect anew when the first asks for it."""
        self._disconnect()
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.broke()


def _nobody_waits(jobs: list[Job]) -> bool:
    """Whether these only acknowledge."""
    return bool(jobs) and all(batch.only_acknowledges for _, batch in jobs)


def _as_ours(error: Exception) -> FairwayError:
    """An error for callers; one that nobody foresaw must not end the thread."""
    if isinstance(error, FairwayError):
        return error
    logger.error("the database layer met an error that it doesn't know", exc_info=error)
    return Refused(f"{type(error).__name__}: {error}")


def _widen(needs: Needs, more: Needs) -> None:
    needs.nodes |= more.nodes
    needs.channels |= more.channels
    needs.groups |= more.groups
    needs.fields |= more.fields
    needs.credits += more.credits
