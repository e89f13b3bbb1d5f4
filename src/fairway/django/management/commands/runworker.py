"""manage.py runworker: runs consumers and views, for the interface servers on a layer."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fairway.django.layers import DEFAULT
from fairway.django.serving import (
    announce,
    in_words,
    layer_across,
    make_worker,
    show_log,
    words_for,
    words_for_target,
)
from fairway.hosting import work_until_stopped
from fairway.worker.worker import DEFAULT_CONCURRENCY, DEFAULT_THREADS


class Command(BaseCommand):
    """A request that no route matches is answered by Django's own handler."""

    help = (
        "Runs a worker: consumers for what has a route, Django's views for the other HTTP "
        "requests. SIGTERM and Ctrl-C let what runs finish; a second doesn't."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        # Channels' own runworker takes these; here they get a sentence.
        parser.add_argument("channels", nargs="*", help="None: see --only-channels.")
        parser.add_argument("--layer", default=DEFAULT, metavar="ALIAS", help="Of CHANNEL_LAYERS.")
        parser.add_argument(
            "--routing",
            metavar="PATH",
            help="Import path of a list of routes or an ASGI application. Default: ROUTING of "
            "the layer, or CHANNEL_ROUTING, or ASGI_APPLICATION.",
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=DEFAULT_THREADS,
            help="Sync consumers that run at once. Default: cores + 4, at most 32.",
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=DEFAULT_CONCURRENCY,
            help="Async consumers and requests that run at once. Default: %(default)s.",
        )
        for option, what in (("--only-channels", "these"), ("--exclude-channels", "all but these")):
            parser.add_argument(
                option,
                action="extend",
                nargs="+",
                metavar="GLOB",
                help=f"Read {what} of the channels that there is a use for, as in 'websocket.*'.",
            )
        parser.add_argument(
            "--graceful-timeout",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="How long running work is given to finish at the end.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["channels"]:
            raise CommandError(_MEANT_FOR_CHANNELS)
        with in_words():
            self._work(**options)

    def _work(self, *, layer: str, routing: str | None, **options: Any) -> None:
        between = layer_across(layer, "a worker", "the interface servers")
        worker = make_worker(
            between,
            layer,
            routing,
            threads=options["threads"],
            concurrency=options["concurrency"],
            channels=options["only_channels"],
            exclude=options["exclude_channels"] or (),
            graceful_timeout=options["graceful_timeout"],
        )
        show_log(options["verbosity"])
        line = (
            f"Worker for {words_for_target(layer, routing)}, "
            f"reading {', '.join(worker.channels)}, over {words_for(layer, between)}"
        )
        work_until_stopped(worker, lambda: announce(self, line))


_MEANT_FOR_CHANNELS = (
    "this is Fairway's runworker, which reads all channels that have a route and takes no names: "
    "write --only-channels NAME for some of them; for Channels' own runworker, put 'channels' "
    "before 'fairway.django' in INSTALLED_APPS"
)
