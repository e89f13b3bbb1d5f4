"""``python -m fairway.demo``."""

from __future__ import annotations

from socket import socket

import click

from ..cli.errors import in_words
from ..cli.options import address_options
from ..dev import Settings, run
from ..hosting import listen, url_of

ROUTES = "fairway.demo.consumers:routes"
THREADS = 8


@click.command()
@address_options
@click.option(
    "--layer",
    type=click.Choice(["memory", "sqlite"]),
    default="memory",
    show_default=True,
    help="What carries it: this process's memory, or a SQLite file between processes.",
)
def demo(host: str, port: int, layer: str) -> None:
    """Serve a chat, with the layer that carries it drawn beside it."""
    serve = {"memory": serve_in_memory, "sqlite": serve_over_sqlite}[layer]
    with in_words(), listen(host, port) as listener:
        serve(listener)


def serve_in_memory(listener: socket) -> None:
    """All of it in this process."""
    settings = Settings(ROUTES, THREADS, log_level="warning")
    run(settings, listener, lambda: click.echo(f"Chat on {url_of(listener)} (Ctrl-C stops it)"))


def serve_over_sqlite(listener: socket) -> None:
    """Interface server and workers in processes of their own."""
    from .apart import WORKERS, run_apart

    def ready(folder: str) -> None:
        click.echo(
            f"Chat on {url_of(listener)} (an interface server and {WORKERS} workers, each a "
            f"process, over SQLite in {folder}; Ctrl-C stops them)"
        )

    run_apart(ROUTES, THREADS, listener, ready)


if __name__ == "__main__":
    demo(prog_name="python -m fairway.demo")
