"""Which event loops have a session: those that have shown that they stay."""

from __future__ import annotations

import asyncio
import threading
import weakref
from asyncio import events
from collections.abc import Callable
from functools import partial

from .session import Session


class _Here(threading.local):
    """The session of the loop that runs in this thread."""

    session: Session | None = None


class Sessions:
    """The session of each loop that has lived for ``settling`` seconds since it was met.

    ``make`` makes one for the running loop; ``ended`` hears of one whose loop ends, in that
    loop, or wherever it is found closed.
    """

    def __init__(
        self, settling: float, make: Callable[[], Session], ended: Callable[[Session], None]
    ):
        self._settling = settling
        self._make = make
        self._ended = ended
        self._here = _Here()
        self._lock = threading.Lock()
        #: The session of each loop that stays; of one that may not, when it was first seen.
        self._known: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Session | float]
        self._known = weakref.WeakKeyDictionary()

    def here(self) -> Session | None:
        """The running loop's own session, if it has shown that it stays."""
        loop = events._get_running_loop()
        session = self._here.session
        if session is not None and session.loop is loop:
            return session
        return None if loop is None else self._meet(loop)

    def all(self) -> list[Session]:
        """Those there are."""
        with self._lock:
            return [known for known in self._known.values() if isinstance(known, Session)]

    def forget_closed(self) -> None:
        """Loops that were closed without a word took their connections with them."""
        with self._lock:
            closed = [known for known in self._known.items() if known[0].is_closed()]
            for loop, _ in closed:
                del self._known[loop]
        for _, session in closed:
            if isinstance(session, Session):
                self._ended(session)
                session.forget()

    def _meet(self, loop: asyncio.AbstractEventLoop) -> Session | None:
        """The session of a loop that this thread did not run last; none while it is young."""
        with self._lock:
            known = self._known.setdefault(loop, loop.time())
        if isinstance(known, Session):
            self._here.session = known
            return known
        if loop.time() - known < self._settling:
            return None
        return self._settle(loop)

    def _settle(self, loop: asyncio.AbstractEventLoop) -> Session:
        """The loop has lived on: it gets a session."""
        session = self._here.session = self._make()
        with self._lock:
            self._known[loop] = session
        session.on_close(partial(self._loop_ends, loop, session))
        return session

    def _loop_ends(self, loop: asyncio.AbstractEventLoop, session: Session) -> None:
        with self._lock:
            self._known.pop(loop, None)
        self._here.session = None
        self._ended(session)
