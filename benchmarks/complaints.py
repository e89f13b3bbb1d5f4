"""What must not be logged: lost task exceptions, and errors of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Complaints(logging.Handler):
    """Keeps the errors that were logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def complaints_of(names: Sequence[str]) -> Iterator[Complaints]:
    """What these loggers complain of meanwhile."""
    complaints = Complaints()
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addHandler(complaints)
    try:
        yield complaints
    finally:
        for logger in loggers:
            logger.removeHandler(complaints)
