"""The command ``fairway``."""

from __future__ import annotations

import click

from .check_settings import check_settings
from .conformance import conformance
from .dev import dev
from .errors import in_words
from .serve import serve
from .worker import worker


class Commands(click.Group):
    """Says a user's mistakes in one sentence, and ends with exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        with in_words():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="fairway")
def main() -> None:
    """Channel layers, interface servers and workers.

    An interface server holds the clients' connections; a worker runs your code; a
    channel layer carries messages between them.

    \b
    Develop, all in one process:
      fairway dev app:application --reload
    Deploy, as processes that are restarted one without the other:
      fairway serve --layer dotted.path.Layer
      fairway worker app:application --layer dotted.path.Layer
    """


for command in (dev, serve, worker, conformance, check_settings):
    main.add_command(command)
