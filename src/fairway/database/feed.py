"""Reads a node's inbox, in a thread of its own; the cursor stays with the reader.

A fetch first says, in the node's row, up to which entry all may have been read, and
that is stored before any is delivered: whoever buries a dead node knows which it
certainly never saw, and whoever writes how much the node has before it. (What a
notification shows is delivered at once: see :mod:`fairway.database.shown`.) Since every
writer to an inbox holds the node's row until its entries are stored, entries appear in
order of their ids, and none can come later with an id below the cursor. What was
delivered is deleted with the next fetch, so that a connection that breaks loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..errors import StoreUnavailable
from ..store import Reader
from .connection import Connection
from .decide import count_field
from .entries import Pairs, in_order, unpacked
from .faults import Broken, Conflict, Refused
from .handed import HandedOver
from .options import LinkOptions
from .queries import Cursor
from .shown import Shown
from .statements import Call
from .transaction import Transactions
from .waking import Listening, Looking, Polling, Waking

logger = logging.getLogger("fairway.database")

#: Rows per fetch at the most, and fetches that may wait for their delivery.
_ROWS = 100
_AHEAD = 2
#: Delivered rows that may stand until a fetch deletes them; in quiet times they go sooner.
_KEPT = 50
#: Channels of which a fetch tells that messages were handed over; of more the desk tells.
_TOLD = 50
#: Seconds that a fetch waits for what was delivered without one to be handed over.
_COMPANY = 0.0005

Entry = tuple[int, int, Pairs]


class DatabaseFeed:
    """Delivers the inbox to ``reader``, entry by entry, in order, each once."""

    def __init__(
        self,
        open: Callable[[], Connection],
        options: LinkOptions,
        wake: Callable[[str], str],
        reader: Reader,
        lost: Callable[[], None],
        on_pooler: Callable[[], None],
        handed: HandedOver,
    ):
        self._open = open
        self._options = options
        self._wake = wake
        self._reader = reader
        self._lost = lost
        self._on_pooler = on_pooler
        self._handed = handed
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._in_use = False
        self._waking: Waking | None = None  # the thread's, once it is connected
        self._ahead = threading.Semaphore(_AHEAD)
        self._cursor: Cursor = reader.cursor
        self._dropped: int = 0
        self._begun: Future[None] = Future()
        reader.on_over = self.close

    async def begin(self) -> None:
        """Read what came since the cursor, then go on reading as it comes."""
        name = f"fairway-db-reader-{self._options.node}"
        threading.Thread(target=self._serve, name=name, daemon=True).start()
        await asyncio.wrap_future(self._begun)
        if self._closed:
            raise Broken("the connection broke as soon as it was made")
        self._in_use = True

    def close(self) -> None:
        """Stop reading. From any thread."""
        self._closed = True
        self._ahead.release()
        self.wake()

    def wake(self) -> None:
        """Have a look; from any thread."""
        waking = self._waking
        if waking is not None:
            waking.wake()

    # -- the thread -------------------------------------------------------------------

    def _serve(self) -> None:
        connection: Connection | None = None
        try:
            connection = self._open()
            self._transactions = Transactions(connection, self._options, self._wake)
            waking = self._waking = self._way_of_waking(connection)
            self._fetch_all()
            _settle(self._begun, None)
            while not self._closed:
                woken = waking.wait(self._options.heartbeat)
                if not woken:
                    self._transactions.patiently(self._drop_read)
                self._hand_on(waking.shown())
                self._fetch_all(woken)
        except Exception as error:
            if not isinstance(error, StoreUnavailable):
                logger.exception("the reader of node %s met an unknown error", self._options.node)
                error = Refused(f"{type(error).__name__}: {error}")
            if not _settle(self._begun, error):
                logger.debug("the reader of node %s: %s", self._options.node, error)
                self._post(self._break)
        finally:
            if self._waking is not None:
                self._waking.close()
            if connection is not None:
                connection.close()

    def _way_of_waking(self, connection: Connection) -> Waking:
        if connection.features.vendor == "sqlite":
            return Looking(connection)
        if connection.features.notifies:
            if connection.direct:
                return Listening(connection, self._wake(self._options.node))
            self._on_pooler()
        return Polling()

    def _fetch_all(self, surely: bool = False) -> None:
        """Fetch until nothing is left. Where ``surely`` is false, have a cheap look first."""
        attempt = self._fetch if surely else self._look
        while not self._closed and self._transactions.patiently(attempt):
            attempt = self._fetch

    def _look(self) -> bool:
        """Whether something is to be fetched."""
        (rows,) = self._transactions.connection.run(("reading", self._options.node))
        return self._meet(rows) > self._cursor[1]

    def _drop_read(self) -> None:
        """Delete what was delivered."""
        delivered = self._reader.cursor[1]
        if delivered > self._dropped:
            own = self._options.node
            self._transactions.connection.run(("drop_read", own, self._dropped, delivered))
            self._dropped = delivered

    def _fetch(self) -> bool:
        """Whether there may be more."""
        connection, own = self._transactions.connection, self._options.node
        calls: list[Call] = []
        delivered = self._reader.cursor[1]
        if delivered - self._dropped >= _KEPT:
            calls.append(("drop_read", own, self._dropped, delivered))
        else:
            delivered = self._dropped
        # Up to an id, not so many rows: where a flush took some, the rest must not be more than
        # is marked.
        until = self._cursor[1] + _ROWS
        if connection.features.together:
            calls.append(("mark_reading", until, until, until, own))
        else:
            calls += [("mark_read", until, until, until, own), ("reading", own)]
        calls.append(("inbox_next", own, self._cursor[1], until))
        handed = self._handed.take(_TOLD)
        try:
            *_, state, rows = connection.transact(*self._acks(handed), *calls)
        except Conflict:
            self._handed.add(handed)
            raise
        self._dropped = delivered
        return self._take(rows, until, state)

    def _take(self, rows: list[tuple[int, int, bytes]], until: int, state: list[Any]) -> bool:
        """Have what was fetched delivered; whether there is more.

        Where there is more, the node's row says so, and writers, who find that we have not
        read all, wake nobody: it must be fetched without waiting. Where there isn't, the
        fetch, which held the row, left it saying that all was read, so that the next writer
        wakes us.
        """
        former = self._cursor
        last_id = self._meet(state)
        if self._cursor != former:  # the rows of another inbox are not between these ids
            return last_id > self._cursor[1]
        if rows:
            if self._waking is not None:
                self._waking.arrived()
            self._pass(rows)
        self._cursor = (former[0], max(former[1], min(until, last_id)))
        return last_id > until

    def _hand_on(self, shown: list[Shown]) -> None:
        """Deliver entries that need not be fetched: those that come next."""
        for born, id, sent, body in shown:
            if (born, id) == (self._cursor[0], self._cursor[1] + 1):
                self._pass([(id, sent, body)])
                # The loop gets Python's lock at once, and the fetch tells of what it handed over.
                self._handed.wait(_COMPANY)

    def _pass(self, rows: list[tuple[int, int, bytes]]) -> None:
        """Have the loop deliver entries."""
        entries = [(id, sent, unpacked(bytes(body))) for id, sent, body in rows]
        self._cursor = (self._cursor[0], rows[-1][0])
        self._ahead.acquire()
        self._post(self._deliver, self._cursor[0], entries)

    def _acks(self, handed: dict[str, int]) -> list[Call]:
        """What tells of messages that were handed over; the node is locked before the counts."""
        if not handed:
            return []
        own = self._options.node
        rows = sorted((count_field(name), number) for name, number in handed.items())
        lock: Call = ("lock_nodes", [own])
        if self._transactions.connection.features.together:
            return [lock, ("ack", rows, own)]
        return [lock, *(("ack_one", number, number, field, own) for field, number in rows)]

    def _meet(self, rows: list[Any]) -> int:
        """See whether the inbox is still the one we knew; its last entry."""
        born, last_id, _ = rows[0] if rows else (0, 0, 0)
        if born != self._cursor[0]:
            former, self._cursor = self._cursor, (born, born)
            self._dropped = born
            self._ahead.acquire()
            self._post(self._found_another, self._cursor, former[0] != 0)
        return int(last_id)

    def _post(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:  # the loop ended without a word
            self._closed = True

    # -- the loop ---------------------------------------------------------------------

    def _deliver(self, born: int, entries: list[Entry]) -> None:
        reader = self._reader
        try:
            with reader.lock:
                for id, sent, pairs in entries:
                    if self._closed or reader.over:
                        return
                    # First, so that whatever delivering it leads to, it is not delivered twice.
                    reader.cursor = (born, id)
                    for part in in_order(pairs):
                        reader.deliver(sent, part)
        finally:
            self._loop.call_soon(self._reader.settle)
            self._ahead.release()

    def _found_another(self, cursor: Cursor, lost: bool) -> None:
        if not self._closed:
            self._reader.cursor = cursor
            if lost:
                self._reader.lost_data()
        self._ahead.release()

    def _break(self) -> None:
        was_in_use = self._in_use and not self._closed
        self._closed = True
        if was_in_use:
            self._lost()


def _settle(future: Future[None], error: Exception | None) -> bool:
    """Give a future its outcome, if it has none yet."""
    if future.done():
        return False
    with contextlib.suppress(asyncio.InvalidStateError):
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
    return True
