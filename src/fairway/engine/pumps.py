"""Where the inboxes of a node are read: in the first loop that stays, until then at home."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from .pump import Pump
from .session import Session


class Pumps:
    """The pumps of a node, one for each shard, which all read in one loop.

    Home is the I/O thread; ``home_soon`` calls something there.
    """

    def __init__(self, pumps: Mapping[str, Pump], home_soon: Callable[..., None]):
        self._pumps = pumps
        self._home_soon = home_soon
        self._lock = threading.Lock()
        #: Whether no loop that stays reads the inboxes yet.
        self.at_home = True
        self._session: Session | None = None
        self._over = False

    def __getitem__(self, shard: str) -> Pump:
        return self._pumps[shard]

    def go_to(self, session: Session) -> None:
        """Read in this session's loop, unless another one was first."""
        with self._lock:
            first, self.at_home = self.at_home, False
            if first:
                self._session = session
        if first:
            self._home_soon(self._leave_home, session)

    def left(self, session: Session) -> None:
        """A loop ends: if it read the inboxes, the I/O thread takes over. Call it in either."""
        with self._lock:
            if self._session is not session:
                return
            self._session = None
            self.at_home = True
        for pump in self._pumps.values():
            if pump.loop is session.loop:
                pump.stop()
        if not self._over:
            self._home_soon(self.go_home)

    def go_home(self) -> None:
        """Read in the I/O thread, where nobody else does; call it there."""
        if self._session is None and not self._over:
            for pump in self._pumps.values():
                if pump.loop is None:
                    pump.start()

    def say_handed(self) -> None:
        """Have the loop that reads say what it handed over; call it there."""
        for pump in self._pumps.values():
            pump.settle()
        if self._session is not None:
            self._session.say_handed()

    def watch(self) -> None:
        """A loop that stopped without a word reads nothing any more."""
        session = self._session
        if session is not None and not session.loop.is_running():
            self.left(session)

    def end(self, done: Callable[[], None]) -> None:
        """Read no more; ``done`` is called in whichever loop read."""
        self._over = True
        session = self._session
        if session is not None and session.loop.is_running():
            session.loop.call_soon_threadsafe(self._end_here, done)
        else:
            self._end_here(done)

    def _end_here(self, done: Callable[[], None]) -> None:
        self._stop()
        done()

    def _stop(self) -> None:
        for pump in self._pumps.values():
            pump.stop()

    def _leave_home(self, session: Session) -> None:
        if self._session is not session:  # that loop has ended already
            return
        self._stop()
        try:
            session.loop.call_soon_threadsafe(self._arrive, session)
        except RuntimeError:  # the loop ended meanwhile
            self.left(session)

    def _arrive(self, session: Session) -> None:
        if self._session is session and not self._over:
            for pump in self._pumps.values():
                pump.start()
