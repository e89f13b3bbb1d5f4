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
        self, settling: float, make: Callable[[], Session], ended: Callable[[Session], None]
    ):
        self._settling = settling
        self._make = make
        self._ended = ended
        self._lock = threading.Lock()
        #: The session of each loop that stays.
        self._sessions: dict[asyncio.AbstractEventLoop | None, Session] = {}
        #: When each of the others, which may not, was first seen.
        self._seen: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, float]
        self._seen = weakref.WeakKeyDictionary()

    def here(self) -> Session | None:
        """The running loop's own session, if it has shown that it stays."""
        loop = events._get_running_loop()
        session = self._sessions.get(loop)
        if session is not None or loop is None:
            return session
        return self._meet(loop)

    def all(self) -> list[Session]:
        """Those there are."""
        with self._lock:
            return list(self._sessions.values())

    def forget_closed(self) -> None:
        """Loops that were closed without a word took their connections with them."""
        with self._lock:
            closed = [session for session in self._sessions.values() if session.loop.is_closed()]
            for session in closed:
                del self._sessions[session.loop]
        for session in closed:
            self._ended(session)
            session.forget()

    def _meet(self, loop: asyncio.AbstractEventLoop) -> Session | None:
        """A loop without a session gets one when it has lived on; none while it is young."""
        with self._lock:
            seen = self._seen.setdefault(loop, loop.time())
        return None if loop.time() - seen < self._settling else self._settle(loop)

    def _settle(self, loop: asyncio.AbstractEventLoop) -> Session:
        """The loop has lived on: it gets a session."""
        session = self._make()
        with self._lock:
            self._sessions[loop] = session
        session.on_close(partial(self._loop_ends, loop, session))
        return session

    def _loop_ends(self, loop: asyncio.AbstractEventLoop, session: Session) -> None:
        with self._lock:
            self._sessions.pop(loop, None)
            self._seen.pop(loop, None)
        self._ended(session)
