"""How a reader learns that something may be there: it is woken, or looks."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from .connection import Connection
from .shown import Shown, parse_shown


class Waking(Protocol):
    """Used by the reader's thread, but for :meth:`wake`."""

    def wait(self, seconds: float) -> bool:
        """Return when something may be there, or after ``seconds``: whether most likely it is."""

    def shown(self) -> list[Shown]:
        """Entries that came along with what ended the last :meth:`wait`, in order."""

    def arrived(self) -> None:
        """Something was there."""

    def wake(self) -> None:
        """Make :meth:`wait` return; from any thread."""

    def close(self) -> None:
        """Give back what this holds."""


class Paces:
    """How long to wait between two looks: the longer nothing came, the longer."""

    def __init__(self, steps: tuple[tuple[float, float], ...], clock: Callable[[], float]):
        self._steps = steps
        self._clock = clock
        self._arrived = clock()

    def arrived(self) -> None:
        """Something came."""
        self._arrived = self._clock()

    def pause(self) -> float:
        """Seconds until the next look."""
        quiet = self._clock() - self._arrived
        return next(pause for until, pause in self._steps if quiet <= until)


#: Seconds of quiet up to which a step holds, and its pause. A look at SQLite costs
#: microseconds, one at a server a round trip; either takes a processor that slept, and finds
#: nothing in its caches, up to 0.4 ms. A process that waits shall take 1 % of one at the most.
CHEAP = ((0.5, 0.001), (2.0, 0.004), (5.0, 0.01), (float("inf"), 0.03))
DEAR = ((0.5, 0.002), (2.0, 0.01), (float("inf"), 0.08))


class _Bell:
    """Rung by any thread for the one that waits. A lock, which costs less than an Event."""

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Have :meth:`heard` return, now or the next time."""
        with contextlib.suppress(RuntimeError):  # it has been rung already
            self._silent.release()

    def heard(self, seconds: float) -> bool:
        """Whether it was rung since the last time, or is within ``seconds``."""
        return self._silent.acquire(timeout=seconds)


class Looking:
    """Looks whether anything was written to a SQLite file, which is cheap."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic):
        self._connection = connection
        self._clock = clock
        self._paces = Paces(CHEAP, clock)
        self._bell = _Bell()
        self._version = self._look()

    def wait(self, seconds: float) -> bool:
        deadline = self._clock() + seconds
        while not self._bell.heard(self._paces.pause()):
            version = self._look()
            if version != self._version or self._clock() >= deadline:
                self._version = version
                return False
        return True

    def shown(self) -> list[Shown]:
        return []

    def _look(self) -> int:
        version: int = self._connection.data_version()
        return version

    def arrived(self) -> None:
        self._paces.arrived()

    def wake(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        """Nothing to give back."""


class Polling:
    """Has the reader ask again and again, where nothing cheaper is known."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._paces = Paces(DEAR, clock)
        self._bell = _Bell()

    def wait(self, seconds: float) -> bool:
        return self._bell.heard(min(seconds, self._paces.pause()))

    def shown(self) -> list[Shown]:
        return []

    def arrived(self) -> None:
        self._paces.arrived()

    def wake(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        """Nothing to give back."""


class Listening:
    """Is woken by PostgreSQL's NOTIFY, on the reader's own connection."""

    def __init__(self, connection: Connection, channel: str):
        connection.execute(f'LISTEN "{channel}"')
        self._connection = connection
        self._raw: Any = connection.raw
        self._shown: list[Shown] = []
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._raw.fileno(), selectors.EVENT_READ)
        self._selector.register(self._near, selectors.EVENT_READ)

    def wait(self, seconds: float) -> bool:
        woken = self._heard() or (bool(self._selector.select(seconds)) and self._heard())
        with contextlib.suppress(BlockingIOError):
            woken = bool(self._near.recv(4096)) or woken
        return woken

    def _heard(self) -> bool:
        """Whether notifications came, of which only what they show is kept."""
        if not self._connection.consume():
            return True  # the connection broke: the reader finds out when it asks
        pgconn = self._raw.pgconn
        heard = False
        while notification := pgconn.notifies():
            heard = True
            if shown := parse_shown(notification.extra):
                self._shown.append(shown)
        return heard

    def shown(self) -> list[Shown]:
        shown, self._shown = self._shown, []
        return shown

    def arrived(self) -> None:
        """It will be heard again."""

    def wake(self) -> None:
        with contextlib.suppress(OSError):  # full, so it wakes anyway; or closed
            self._far.send(b"!")

    def close(self) -> None:
        self._selector.close()
        self._near.close()
        self._far.close()
