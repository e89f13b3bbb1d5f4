"""Serves in a child process, and in a new one whenever the code changes.

A process, since nothing less forgets a module. The parent keeps the port: while one
child goes and the next comes, clients wait instead of being refused.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from ..errors import ConfigurationError
from ..hosting import stopping
from .pair import GRACE
from .run import Settings

#: Milliseconds between two looks at whether the child still lives.
_LOOK_EVERY = 300
#: Seconds beyond the grace of server and worker that a child has to end, before it is killed.
_PATIENCE = 3.0
#: Changed files that are named.
_NAMED = 3

#: Serves in a child until SIGTERM, and calls the function once it is ready.
Body = Callable[[Settings, socket.socket, Callable[[], None]], None]


def run_reloading(
    body: Body,
    settings: Settings,
    listener: socket.socket,
    directories: Sequence[Path],
    say: Callable[[str], None],
) -> int:
    """Have children run ``body``, an importable function, until SIGINT or SIGTERM.

    Returns the exit code. If the first child ends before it is ready, that is its code;
    later on, a child that ends is replaced after the next change. Main thread only.
    """
    stop = threading.Event()
    child = Child(body, settings, listener)
    changes_so_far = _changes(directories, stop)
    with stopping(stop.set):
        child.start()
        for changed in changes_so_far:
            if changed:
                say(f"{_listed(changed)} changed: starting again")
                child.end()
                child.start()
            elif (code := child.new_exit_code()) is not None:
                if not child.was_ever_ready:
                    return code
                say("Waiting for a change")
        child.end()
    return 0


class Child:
    """A process that lives until SIGTERM, started again and again.

    ``body`` is called with the arguments and a function to call once it is ready. It hears of
    a Ctrl-C from its parent, not from the terminal.
    """

    def __init__(self, body: Callable[..., None], *arguments: object):
        self._spawning = multiprocessing.get_context("spawn")
        self._arguments = (body, arguments)
        self._readiness, self._ready = self._spawning.Pipe(duplex=False)
        self._has_ended = True

    def start(self) -> None:
        """Start a new process, after the end of the one before."""
        self._process = self._spawning.Process(target=_live, args=(*self._arguments, self._ready))
        self._has_ended = False
        with _interrupts_ignored():
            self._process.start()

    def end(self) -> None:
        """Have it finish what is under way; kill it if it can't."""
        self._process.terminate()
        self._process.join(2 * GRACE + _PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def was_ever_ready(self) -> bool:
        """Whether this process or one before it got as far as serving."""
        return self._readiness.poll()

    def new_exit_code(self) -> int | None:
        """The exit code if it has ended, told once."""
        if self._has_ended or self._process.is_alive():
            return None
        self._has_ended = True
        return self._process.exitcode


def _live(body: Callable[..., None], arguments: Sequence[object], ready: Connection) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    body(*arguments, lambda: ready.send(True))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """What is started within it ignores SIGINT from its very beginning."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _changes(directories: Sequence[Path], stop: threading.Event) -> Iterator[list[Path]]:
    """The Python files that changed; an empty list now and then where none did."""
    try:
        import watchfiles
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "--reload needs watchfiles: pip install 'fairway[server]' brings it"
        ) from error
    changes = watchfiles.watch(
        *directories,
        watch_filter=watchfiles.PythonFilter(),
        stop_event=stop,
        rust_timeout=_LOOK_EVERY,
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    return (sorted(Path(path) for _, path in changed) for changed in changes)


def _listed(changed: Sequence[Path]) -> str:
    names = [os.path.relpath(path) for path in changed[:_NAMED]]
    rest = len(changed) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")
