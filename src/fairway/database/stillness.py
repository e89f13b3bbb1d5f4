"""Keeps SQLite still while this process forks.

SQLite notes in the process's memory which locks on a file its connections hold. A child that
is forked meanwhile takes over the note of a lock that nobody there will ever let go, and waits
for it for ever (https://www.sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

import os
import threading

#: Seconds that a fork waits for transactions to end: each takes milliseconds.
_PATIENCE = 5.0


class Stillness:
    """Counts who is inside of SQLite; a fork waits until nobody is, and nobody enters then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._forking = False

    def enter(self) -> None:
        """Before a transaction, or a statement outside of one."""
        with self._changed:
            while self._forking:
                self._changed.wait()
            self._inside += 1

    def leave(self) -> None:
        """After it."""
        with self._changed:
            self._inside -= 1
            if self._forking:
                self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait until nobody is inside."""
        with self._changed:
            self._forking = True
            self._changed.wait_for(lambda: not self._inside, _PATIENCE)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        """Whoever was inside or waits is in the parent."""
        self._changed = threading.Condition()
        self._inside, self._forking = 0, False


#: One for the process, as SQLite's notes are.
stillness = Stillness()
os.register_at_fork(
    before=stillness.before_fork,
    after_in_parent=stillness.after_fork_in_parent,
    after_in_child=stillness.after_fork_in_child,
)
