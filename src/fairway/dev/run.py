"""One run of a :class:`Pair` in this process, ended by a signal."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..hosting import STOP_SIGNALS, log_to_stderr, stopping
from ..memory import InMemoryChannelLayer
from ..worker import Worker
from .pair import GRACE, Pair


@dataclass(frozen=True)
class Settings:
    """What to serve and how. ``target`` is an import path, ``threads`` as a worker's."""

    target: str
    threads: int
    log_level: str


def run(
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[], None],
    signals: Sequence[signal.Signals] = STOP_SIGNALS,
) -> None:
    """Serve until one of ``signals``, finishing what is under way. Main thread only.

    Raises ConfigurationError for what isn't a target; what its modules raise while they
    are imported comes through unchanged.
    """
    log_to_stderr(settings.log_level)
    worker = Worker(
        InMemoryChannelLayer(),
        settings.target,
        threads=settings.threads,
        graceful_timeout=GRACE,
    )
    pair = Pair(worker, listener)
    with stopping(pair.stop, signals):
        pair.run(on_ready)
