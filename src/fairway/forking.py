"""A forked child shares locks, sockets and names with its parent: objects start afresh there."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class StartsAfresh(Protocol):
    """Something that holds what must not cross a fork."""

    def begin_after_fork(self) -> None:
        """Forget what belongs to the parent. Only the forking thread exists now."""


def begin_after_fork(subject: StartsAfresh) -> None:
    """Have ``subject.begin_after_fork()`` called in every child forked from now on."""
    reference = weakref.ref(subject)

    def begin() -> None:
        subject = reference()
        if subject is not None:
            subject.begin_after_fork()

    os.register_at_fork(after_in_child=begin)
