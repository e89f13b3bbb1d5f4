"""``fairway dev``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING

import click

from .errors import in_words, of_target
from .options import (
    address_options,
    import_from_here,
    log_level_option,
    target_argument,
    threads_option,
)

if TYPE_CHECKING:
    from socket import socket

    from ..dev import Settings


@click.command()
@target_argument
@address_options
@click.option("--reload", is_flag=True, help="Start again whenever a Python file changes.")
@click.option(
    "--reload-dir",
    "directories",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Watch this directory instead of the current one; may be repeated.",
)
@threads_option
@log_level_option
def dev(
    target: str,
    host: str,
    port: int,
    reload: bool,
    directories: Sequence[Path],
    threads: int | None,
    log_level: str,
) -> None:
    """Serve APP with all parts in one process: for development.

    APP is the import path, from the current directory, of an ASGI application or of a
    list of routes.

    \b
      fairway dev mysite.asgi:application --reload
      fairway dev chat.routes:routes --port 8080

    An interface server (uvicorn) and a worker run as threads, with an in-memory layer
    between them. Ctrl-C lets what is under way finish; a second one doesn't.
    """
    from ..dev import Settings, run_reloading
    from ..hosting import listen
    from ..worker.worker import DEFAULT_THREADS

    import_from_here()
    settings = Settings(target, threads or DEFAULT_THREADS, log_level)
    with listen(host, port) as listener:
        if reload or directories:
            watched = directories or [Path.cwd()]
            sys.exit(run_reloading(serve_in_child, settings, listener, watched, say))
        serve(settings, listener)


def serve(settings: Settings, listener: socket) -> None:
    """Serve in this process until Ctrl-C or SIGTERM."""
    from ..dev import run

    with of_target(settings.target):
        run(settings, listener, lambda: say(start_line(settings, listener)))


def serve_in_child(settings: Settings, listener: socket, on_ready: Callable[[], None]) -> None:
    """The same in a process that `run_reloading` has started."""
    from ..dev import run

    def ready() -> None:
        say(start_line(settings, listener))
        on_ready()

    try:
        with in_words(), of_target(settings.target):
            run(settings, listener, ready, signals=[SIGTERM])
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


def start_line(settings: Settings, listener: socket) -> str:
    """What is served where."""
    from ..hosting import url_of

    return (
        f"Serving {settings.target} on {url_of(listener)} (interface server, in-memory layer and "
        f"worker with {settings.threads} threads in one process; Ctrl-C stops it)"
    )


def say(text: str) -> None:
    """One line about what is going on, beside the log."""
    click.echo(text, err=True)
