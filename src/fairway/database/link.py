"""Hands batches to the thread that writes, and its answers back to the loop they came from."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.outbox import Batch, GroupSend, Send
from .decide import Outcome
from .faults import Broken

if TYPE_CHECKING:
    from .desk import Desk


class DatabaseLink:
    """One loop's way to the database; see :class:`fairway.store.Link`."""

    def __init__(self, desk: Desk, lost: Callable[[], None]):
        self._desk = desk
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._under_way = 0
        self._in_use = False

    def begin(self) -> None:
        """The link is handed over to whoever asked for it, unless it broke already."""
        if self._closed:
            raise Broken("the connection broke as soon as it was made")
        self._in_use = True

    @property
    def idle(self) -> bool:
        return not self._under_way

    def write(self, batch: Batch) -> None:
        self._under_way += 1
        self._desk.write(self, batch)

    def write_one(self, message: Send | GroupSend) -> bool:
        if self._under_way:
            return False
        self.write(Batch.of(message))
        return True

    def close(self) -> None:
        self._closed = True
        self._desk.leave(self)

    # -- called by the desk's thread ----------------------------------------------------

    def finish(self, outcomes: list[Outcome]) -> None:
        """A batch was carried out, or failed: have its callers told, in their loop."""
        self._soon(self._finish, outcomes)

    def tell(self, outcomes: list[Outcome]) -> None:
        """Have callers told, in their loop."""
        self._soon(_tell, outcomes)

    def broke(self) -> None:
        """The connection is gone; another link will be opened."""
        self._soon(self._break)

    def _soon(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended, and with it all who waited
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _finish(self, outcomes: list[Outcome]) -> None:
        self._under_way -= 1
        _tell(outcomes)

    def _break(self) -> None:
        was_in_use = self._in_use and not self._closed
        self._closed = True
        if was_in_use:
            self._lost()


def _tell(outcomes: list[Outcome]) -> None:
    for done, result, error in outcomes:
        done(result, error)
