"""Errors as people read them: one sentence, and a traceback only for what is theirs."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ..errors import FairwayError

#: Where the frames come from that tell a user nothing: this package, click, the import system.
_MACHINERY = (
    str(Path(__file__).parent.parent),
    str(Path(click.__file__).parent),
    str(Path(importlib.__file__).parent),
    "<frozen importlib",
)


@contextmanager
def in_words() -> Iterator[None]:
    """Errors of ours become the last words of the command, with exit code 1."""
    try:
        yield
    except FairwayError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def of_target(path: str) -> Iterator[None]:
    """What the modules at ``path`` raise is shown with their part of the traceback only."""
    try:
        yield
    except FairwayError:
        raise
    except Exception as error:
        click.echo("".join(_their_part(error).format()), err=True, nl=False)
        reason = f"{type(error).__name__}, see above"
        raise click.ClickException(f"{path!r} can't be run: it raised {reason}") from error


def _their_part(error: Exception) -> traceback.TracebackException:
    shown = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in shown.stack if not frame.filename.startswith(_MACHINERY)]
    if theirs or isinstance(error, SyntaxError):
        shown.stack[:] = theirs
    return shown
