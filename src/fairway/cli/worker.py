"""``fairway worker``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from .errors import of_target
from .options import (
    import_from_here,
    layer_options,
    log_level_option,
    make_layer,
    target_argument,
    threads_option,
)


@click.command()
@target_argument
@layer_options
@threads_option
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    help="Async consumers, or an application's requests, that run at once.  [default: 1000]",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="NAME",
    help="Read this channel only, of those that APP has a use for; may be repeated.",
)
@click.option(
    "--graceful-timeout",
    type=float,
    default=30.0,
    show_default=True,
    help="Seconds that running work is given to finish at the end.",
)
@log_level_option
def worker(
    target: str,
    layer_path: str,
    config: dict[str, Any],
    threads: int | None,
    concurrency: int | None,
    channels: Sequence[str],
    graceful_timeout: float,
    log_level: str,
) -> None:
    """Run APP for what interface servers send: a worker.

    APP is the import path, from the current directory, of an ASGI application or of a
    list of routes. Start as many workers as you like; each takes what it has room for.

    \b
      fairway worker mysite.asgi:application --layer fairway.redis.RedisChannelLayer

    SIGTERM and Ctrl-C let what is under way finish; a second one doesn't.
    """
    from ..hosting import log_to_stderr
    from ..worker.worker import DEFAULT_CONCURRENCY, DEFAULT_THREADS

    import_from_here()
    layer = make_layer(layer_path, config, "a worker", "the interface servers")
    log_to_stderr(log_level)
    with of_target(target):
        run(
            target,
            layer,
            threads=threads or DEFAULT_THREADS,
            concurrency=concurrency or DEFAULT_CONCURRENCY,
            channels=channels or None,
            graceful_timeout=graceful_timeout,
        )


def run(target: str, layer: Any, **options: Any) -> None:
    """Work until SIGINT or SIGTERM."""
    from ..hosting import work_until_stopped
    from ..worker import Worker

    worker = Worker(layer, target, **options)

    def ready() -> None:
        click.echo(f"Worker for {target}, reading {', '.join(worker.channels)}", err=True)

    work_until_stopped(worker, ready)
