"""What runserver, runinterface and runworker share: which layer, what to run, words on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections, connections, reset_queries

from ..database import DatabaseChannelLayer
from ..errors import FairwayError
from ..hosting import log_to_stderr
from ..layer import ChannelLayer
from ..server.asgi import Application, Receive, Scope, Send
from ..worker import Worker, check_target, load_target
from .layers import own_layer, routing_of

#: Wraps an application, as one that serves static files does.
Wrap = Callable[[Application], Application]


@contextmanager
def in_words() -> Iterator[None]:
    """Errors of ours become the last words of the command."""
    try:
        yield
    except FairwayError as error:
        raise CommandError(str(error)) from error


def announce(command: BaseCommand, line: str) -> None:
    """Say what is served now; at once, also where nobody but a log file looks."""
    command.stdout.write(line)
    command.stdout.flush()


# -- the layer ------------------------------------------------------------------------------


def layer_across(alias: str, here: str, there: str) -> ChannelLayer:
    """The layer of ``alias``, by which ``here``, this process, and ``there``, others, meet."""
    layer = own_layer(alias)
    if not getattr(layer, "cross_process", True):
        raise CommandError(
            f"CHANNEL_LAYERS[{alias!r}] is in this process's memory, so {here} would never hear "
            f"of {there}: choose a BACKEND that crosses processes, such as "
            "fairway.redis.RedisChannelLayer or fairway.database.DatabaseChannelLayer, "
            "or run both in one process with `manage.py runserver`"
        )
    return layer


def words_for(alias: str, layer: ChannelLayer) -> str:
    """The layer and its servers, without passwords."""
    servers = _servers(layer)
    where = f" on {', '.join(servers)}" if servers else ""
    return f"channel layer {alias!r} ({type(layer).__name__}{where})"


def _servers(layer: ChannelLayer) -> Sequence[str]:
    if isinstance(layer, DatabaseChannelLayer):
        return [_database(layer.alias)]
    # A URL's query may hold a password.
    store = getattr(layer, "store", None)  # a class that isn't ours may have no such thing
    return [name.partition("?")[0] for name in getattr(store, "shards", ())]


def _database(alias: str) -> str:
    connection = connections[alias]
    known = connection.settings_dict
    host, port = known.get("HOST"), known.get("PORT")
    server = f" at {host or 'localhost'}{f':{port}' if port else ''}"
    place = "" if connection.vendor == "sqlite" else server
    return f"{connection.display_name} {str(known['NAME'])!r}{place}"


# -- what to run ----------------------------------------------------------------------------


def make_worker(
    layer: ChannelLayer,
    alias: str,
    routing: str | None = None,
    *,
    wrap: Wrap | None = None,
    **options: Any,
) -> Worker:
    """A worker for what settings, or ``routing``, name; see :class:`Worker` for ``options``.

    Beside a list of routes it has Django's own handler. ``wrap``: what the handler, or the
    application, is put into.
    """
    put = wrap or (lambda application: application)
    routing = _routing(alias, routing)
    if routing is None:
        return Worker(layer, put(DjangoHandler()), **options)
    target = load_target(routing) if isinstance(routing, str) else check_target(routing)
    if not isinstance(target, Sequence):
        return Worker(layer, put(target), **options)
    fallback = put(DjangoHandler())
    return Worker(layer, target, fallback=fallback, around_sync=as_around_requests, **options)


def words_for_target(alias: str, routing: str | None = None) -> str:
    """What :func:`make_worker` runs."""
    found = _routing(alias, routing)
    if found is None:
        return "Django's views"
    if not isinstance(found, str):
        return "the routes in settings, and Django's views"
    is_list = isinstance(load_target(found), Sequence)
    return f"{found}, and Django's views" if is_list else found


def _routing(alias: str, override: str | None) -> Any:
    """Channels' own setting counts where there is none of ours."""
    return routing_of(alias, override) or getattr(settings, "ASGI_APPLICATION", None)


class DjangoHandler:
    """Django's ASGI handler, with an answer also to what that doesn't serve."""

    def __init__(self) -> None:
        self._handler = get_asgi_application()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._handler(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        kind = ""
        while kind != "lifespan.shutdown":
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})


@contextmanager
def as_around_requests() -> Iterator[None]:
    """What Django does around each request with the connections of its thread."""
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


# -- the log --------------------------------------------------------------------------------


def show_log(verbosity: int) -> None:
    """Show what servers and workers log on stderr, unless LOGGING says where it goes."""
    level = {0: "warning", 1: "info"}.get(verbosity, "debug")
    log_to_stderr(level, ["fairway", "uvicorn"])
