"""Which event loops have a session: those that have shown that they stay."""

from __future__ import annotations

import asyncio
import threading
import weakref
from asyncio import events
from collections.abc import Callable
from functools import partial

from .session import Session


class Sessions:
    """The session of each loop that has lived for ``settling`` seconds since it was met.

    ``make`` makes one for the running loop; ``ended`` hears of one whose loop ends, in that
    loop, or wherever it is found closed.
    """

    def __init__(
        self,
        settling: float,
        make: Callable[[], Session],
        ended: Callable[[Session], None],
        clock: Callable[[], float],
    ):
        self._settling = settling
        self._clock = clock
        self._make = make
        self._ended = ended
        self._lock = threading.Lock()
        #: The session of each loop that stays; not to be changed.
        self.by_loop: dict[asyncio.AbstractEventLoop | None, Session] = {}
        #: When each of the others, which may not, was first seen.
        self._seen: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, float]
        self._seen = weakref.WeakKeyDictionary()

    def here(self) -> Session | None:
        """The running loop's own session, if it has shown that it stays."""
        loop = events._get_running_loop()
        return self.by_loop.get(loop) or self.meet(loop)[0]

    def meet(self, loop: asyncio.AbstractEventLoop | None) -> tuple[Session | None, bool]:
        """The session of the running loop that had none so far, if it has lived on by now, and
        whether it is met for the first time, as is None."""
        if loop is None:
            return None, True
        now = self._clock()
        with self._lock:
            seen = self._seen.setdefault(loop, now)
        if now - seen < self._settling:
            return None, seen is now
        return self._settle(loop), False

    def all(self) -> list[Session]:
        """Those there are."""
        with self._lock:
            return list(self.by_loop.values())

    def forget_closed(self) -> None:
        """Loops that were closed without a word took their connections with them."""
        with self._lock:
            closed = [session for session in self.by_loop.values() if session.loop.is_closed()]
            for session in closed:
                del self.by_loop[session.loop]
        for session in closed:
            self._ended(session)
            session.forget()

    def _settle(self, loop: asyncio.AbstractEventLoop) -> Session:
        """The loop has lived on: it gets a session."""
        session = self._make()
        with self._lock:
            self.by_loop[loop] = session
        session.on_close(partial(self._loop_ends, loop, session))
        return session

    def _loop_ends(self, loop: asyncio.AbstractEventLoop, session: Session) -> None:
        with self._lock:
            self.by_loop.pop(loop, None)
            self._seen.pop(loop, None)
        self._ended(session)
