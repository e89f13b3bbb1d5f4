"""manage.py runserver: all parts in one process, for development."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

from fairway.dev.pair import GRACE
from fairway.django.development import DevelopmentServer, show_requests_as_django_does
from fairway.django.layers import DEFAULT, own_layer
from fairway.django.serving import (
    Wrap,
    announce,
    make_worker,
    words_for,
    words_for_target,
)
from fairway.errors import FairwayError
from fairway.hosting import log_to_stderr
from fairway.worker import Worker
from fairway.worker.worker import DEFAULT_CONCURRENCY, DEFAULT_THREADS

if apps.is_installed("django.contrib.staticfiles"):
    from django.contrib.staticfiles.management.commands.runserver import Command as DjangoCommand
else:
    from django.core.management.commands.runserver import Command as DjangoCommand


class Command(DjangoCommand):
    """Django's, with an interface server and a worker in the place of its own server."""

    help = (
        "Starts an interface server and a worker in one process, over the default channel layer: "
        "for development."
    )

    _server: DevelopmentServer | None = None

    def run(self, **options: Any) -> None:
        """With the reloader this runs twice: in a parent that waits, in a child that serves."""
        is_parent = options["use_reloader"] and os.environ.get(DJANGO_AUTORELOAD_ENV) != "true"
        if is_parent:
            # Ctrl-C reaches the child as well. Left to itself the parent would kill it at once.
            signal.signal(signal.SIGINT, lambda *_: None)
        try:
            super().run(**options)
        finally:
            self._finish()

    def _finish(self) -> None:
        """What is under way ends well also where the reloader ends the process."""
        if self._server is not None:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            self._server.finish()

    def inner_run(self, *args: Any, **options: Any) -> None:
        log_to_stderr("warning", ["fairway", "uvicorn"])
        show_requests_as_django_does()
        self.server_cls = self._make_server
        try:
            # Django would mix threads into the class of its server.
            options["one_at_a_time"] = not options["use_threading"]
            super().inner_run(*args, **{**options, "use_threading": False})
        except FairwayError as error:
            if not options["use_reloader"]:
                raise CommandError(str(error)) from error
            self.stderr.write(f"Error: {error}")

    def get_handler(self, *args: Any, **options: Any) -> Worker:
        """What Django hands to its server."""
        one_at_a_time = options["one_at_a_time"]
        return make_worker(
            own_layer(),
            DEFAULT,
            wrap=self._static_files(options),
            threads=1 if one_at_a_time else DEFAULT_THREADS,
            concurrency=1 if one_at_a_time else DEFAULT_CONCURRENCY,
            graceful_timeout=GRACE,
        )

    def _static_files(self, options: dict[str, Any]) -> Wrap | None:
        wanted = options.get("use_static_handler") and (
            settings.DEBUG or options["insecure_serving"]
        )
        if not wanted:
            return None
        from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

        wrap: Wrap = ASGIStaticFilesHandler
        return wrap

    def _make_server(self, *args: Any, **options: Any) -> DevelopmentServer:
        self._server = DevelopmentServer(*args, **options, on_ready=self._say)
        return self._server

    def _say(self, url: str) -> None:
        announce(
            self,
            f"Serving {words_for_target(DEFAULT)} on {url} (interface server and worker in this "
            f"process, over {words_for(DEFAULT, own_layer())})",
        )
