"""One run of a :class:`Pair` in this process, ended by a signal."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..hosting import STOP_SIGNALS, log_to_stderr, stopping
from .pair import Pair


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
    """Serve until one of ``signals``, finishing what is under way. Main thread only."""
    log_to_stderr(settings.log_level)
    pair = Pair(settings.target, listener, threads=settings.threads)
    with stopping(pair.stop, signals):
        pair.run(on_ready)
