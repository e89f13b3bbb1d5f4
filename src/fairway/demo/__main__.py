"""``python -m fairway.demo``."""

from __future__ import annotations

import click

from ..cli.errors import in_words
from ..cli.options import address_options
from ..dev import Settings, run
from ..hosting import listen, url_of

ROUTES = "fairway.demo.consumers:routes"


@click.command()
@address_options
def demo(host: str, port: int) -> None:
    """Serve a chat, with the layer that carries it drawn beside it."""
    settings = Settings(ROUTES, threads=8, log_level="warning")
    with in_words(), listen(host, port) as listener:
        run(settings, listener, lambda: click.echo(f"Chat on {url_of(listener)} (Ctrl-C stops it)"))


if __name__ == "__main__":
    demo(prog_name="python -m fairway.demo")
