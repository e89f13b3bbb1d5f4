"""manage.py runinterface: holds the clients' connections, for the workers on a layer."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from fairway.django.layers import DEFAULT
from fairway.django.serving import announce, in_words, layer_across, show_log, words_for
from fairway.hosting import listen, serve_until_stopped, url_of
from fairway.server import InterfaceServer


class Command(BaseCommand):
    """Holds sockets and runs none of the project's code, so that workers can be restarted."""

    help = (
        "Runs an interface server: requests and WebSockets go to the workers (runworker) on the "
        "same channel layer. SIGTERM and Ctrl-C let what is under way finish; a second doesn't."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Default: %(default)s.")
        parser.add_argument(
            "--port", type=int, default=8000, help="Default: %(default)s; 0 is any free one."
        )
        parser.add_argument("--layer", default=DEFAULT, metavar="ALIAS", help="Of CHANNEL_LAYERS.")
        parser.add_argument(
            "--worker-timeout",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="How long a request waits for a worker before it gets a 503.",
        )
        parser.add_argument(
            "--response-timeout",
            type=float,
            default=120.0,
            metavar="SECONDS",
            help="How long a consumer may take to answer a request before it gets a 504.",
        )
        parser.add_argument(
            "--graceful-timeout",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="How long requests under way are given at the end.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with in_words():
            self._serve(**options)

    def _serve(self, *, layer: str, host: str, port: int, **options: Any) -> None:
        between = layer_across(layer, "an interface server", "the workers")
        interface = InterfaceServer(
            between,
            worker_timeout=options["worker_timeout"],
            response_timeout=options["response_timeout"],
        )
        show_log(options["verbosity"])
        with listen(host, port) as listener:
            over = words_for(layer, between)
            line = f"Interface server on {url_of(listener)}, over {over}"
            serve_until_stopped(
                interface,
                listener,
                graceful_timeout=options["graceful_timeout"],
                on_ready=lambda: announce(self, line),
            )
