"""``fairway serve``."""

from __future__ import annotations

from typing import Any

import click

from .options import address_options, import_from_here, layer_options, log_level_option, make_layer


@click.command()
@layer_options
@address_options
@click.option(
    "--worker-timeout",
    type=float,
    default=30.0,
    show_default=True,
    help="Seconds that a request waits for a worker before it gets a 503.",
)
@click.option(
    "--response-timeout",
    type=float,
    default=120.0,
    show_default=True,
    help="Seconds that a consumer may take to answer a request before it gets a 504.",
)
@click.option(
    "--graceful-timeout",
    type=float,
    default=30.0,
    show_default=True,
    help="Seconds that requests under way are given at the end.",
)
@log_level_option
def serve(
    layer_path: str,
    config: dict[str, Any],
    host: str,
    port: int,
    worker_timeout: float,
    response_timeout: float,
    graceful_timeout: float,
    log_level: str,
) -> None:
    """Run an interface server: it holds the clients' connections.

    Their requests and WebSockets go to the workers that run on the same layer, and can
    stay while those are restarted. Start as many as you like.

    \b
      fairway serve --layer fairway.redis.RedisChannelLayer

    SIGTERM and Ctrl-C let what is under way finish; a second one doesn't.
    """
    from ..hosting import listen, log_to_stderr, serve_until_stopped, url_of
    from ..server import InterfaceServer

    import_from_here()
    layer = make_layer(layer_path, config, "an interface server", "the workers")
    interface = InterfaceServer(
        layer, worker_timeout=worker_timeout, response_timeout=response_timeout
    )
    log_to_stderr(log_level)
    with listen(host, port) as listener:
        line = f"Interface server on {url_of(listener)}, over {layer_path}"
        serve_until_stopped(
            interface,
            listener,
            graceful_timeout=graceful_timeout,
            on_ready=lambda: click.echo(line, err=True),
        )
