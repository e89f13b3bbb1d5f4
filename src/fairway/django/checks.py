"""System checks: every mistake that settings can hold, with what to write instead.

====  ======================================================================
id    means
====  ======================================================================
E001  ``CHANNEL_LAYERS``, or an entry of it, has not the form it needs
E002  ``BACKEND`` names no class that can be imported
E003  a package that it needs is not installed
E004  ``CONFIG`` or ``TEST_CONFIG`` makes no layer
E005  the routing can't be imported
E006  the routing is neither routes nor an ASGI application
E007  a key ``ROUTING`` beside Channels
E008  another application's ``runserver`` comes first, and knows nothing of the routing
E009  tables of a database layer are missing, and the account can't create them
E010  workers can't run on the layer that they are to read
W001  a layer that doesn't leave its process (``check --deploy``)
W002  a server doesn't answer (``check --deploy``, ``check --database``)
W003  a key that nothing reads
W004  tables of a database layer are missing, and perhaps can't be created
W005  another application's ``runserver`` comes first, and serves no WebSockets
====  ======================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.management import find_commands

from ..contract import check_layer
from ..errors import ConfigurationError
from ..routing.loading import load_object
from ..routing.routes import Router
from ..worker.loading import check_target
from .configuration import (
    KEYS,
    OURS,
    check_routing_key,
    configured,
    entry_of,
    known_backends,
    make_layer,
    sound_entries,
    words_of,
)
from .layers import DEFAULT
from .mistakes import Mistake, listed, nearest, sentence
from .reach import check_answers, check_tables

Messages = list[CheckMessage]

#: Applications whose runserver serves ASGI applications, WebSockets too.
_SERVE_ASGI = {"daphne", "channels"}


def register_checks() -> None:
    """For :meth:`AppConfig.ready`."""
    register(check_layers)
    register(check_routing)
    register(check_runserver)
    register(check_crosses_processes, deploy=True)
    register(check_answers, deploy=True)
    register(check_tables, Tags.database)


def check_layers(**_: Any) -> Messages:
    """Every alias makes a layer, and one for tests if it has a ``TEST_CONFIG``."""
    return _told(configured) or [
        problem for alias in configured() for problem in _problems_of(alias)
    ]


def _problems_of(alias: str) -> Messages:
    problems = _told(entry_of, alias)
    if problems:
        return problems
    entry = entry_of(alias)
    problems += [_unknown_key(alias, key) for key in entry if key not in KEYS]
    problems += _told(check_routing_key, alias, entry)
    return problems + (
        _told(make_layer, alias)
        or ("TEST_CONFIG" in entry and _told(make_layer, alias, "TEST_CONFIG"))
        or []
    )


def _told(call: Callable[..., Any], *arguments: Any) -> Messages:
    """The mistake that a call meets, as an error of a check."""
    try:
        call(*arguments)
    except Mistake as mistake:
        return [Error(mistake.text, hint=sentence(mistake.hint), id=f"fairway.{mistake.code}")]
    return []


def _unknown_key(alias: str, key: Any) -> CheckMessage:
    close = nearest(str(key).upper(), KEYS)
    hint = f"write {close!r} instead" if close else f"what is read is {listed(KEYS)}"
    return Warning(
        f"CHANNEL_LAYERS[{alias!r}] has a key {key!r}, which nothing reads",
        hint=sentence(hint),
        id="fairway.W003",
    )


# -- routing --------------------------------------------------------------------------------


def check_routing(**_: Any) -> Messages:
    """What workers are to run can be run."""
    routings = _routings().items()
    return [
        *(problem for where, routing in routings for problem in _unfit(where, routing)),
        *(problem for alias in _routed() for problem in _unserved(alias)),
    ]


def _routed() -> list[str]:
    """The aliases that workers are meant to read."""
    common = getattr(settings, "CHANNEL_ROUTING", None)
    return [
        alias
        for alias, entry in sound_entries().items()
        if entry.get("ROUTING") or (alias == DEFAULT and common)
    ]


def _unserved(alias: str) -> Messages:
    try:
        check_layer(make_layer(alias), f"CHANNEL_LAYERS[{alias!r}], which is to have workers,")
    except Mistake:  # check_layers tells it
        return []
    except ConfigurationError as error:
        hint = f"Write one of {listed(OURS)}, or take the routing away."
        return [Error(str(error), hint=hint, id="fairway.E010")]
    return []


def _routings() -> dict[str, Any]:
    """By the place in settings."""
    found = {
        f"CHANNEL_LAYERS[{alias!r}]['ROUTING']": entry.get("ROUTING")
        for alias, entry in sound_entries().items()
    }
    found["CHANNEL_ROUTING"] = getattr(settings, "CHANNEL_ROUTING", None)
    return {where: routing for where, routing in found.items() if routing is not None}


def _unfit(where: str, routing: Any) -> Messages:
    try:
        target = load_object(routing) if isinstance(routing, str) else routing
    except Exception as error:  # a project's module may raise anything
        return [_routing_error("E005", f"{where} is {routing!r}: {words_of(error)}")]
    try:
        checked = check_target(target, f"{routing!r:.60}")
        if isinstance(checked, list):
            Router(checked)
    except Exception as error:  # routes may name modules, too
        return [_routing_error("E006", f"{where}: {words_of(error)}")]
    return []


def _routing_error(code: str, text: str) -> CheckMessage:
    hint = (
        "Write the import path of a list of routes, such as 'mysite.routing.channel_routing' "
        "with channel_routing = [route('websocket.receive', consumer)], or of an ASGI application."
    )
    return Error(text, hint=hint, id=f"fairway.{code}")


# -- processes ------------------------------------------------------------------------------


def check_runserver(**_: Any) -> Messages:
    """Of the applications that bring a ``runserver``, the first in ``INSTALLED_APPS`` wins."""
    having = [app.name for app in apps.get_app_configs() if _has_runserver(app)]
    if "fairway.django" not in having or having[0] == "fairway.django":
        return []
    hint = f"Write 'fairway.django' before {having[0]!r} in INSTALLED_APPS."
    text = f"'runserver' is that of {having[0]!r}, which stands before 'fairway.django' and "
    if _routings():
        return [Error(f"{text}knows nothing of the routing", hint=hint, id="fairway.E008")]
    if having[0] not in _SERVE_ASGI:
        return [Warning(f"{text}serves no WebSockets", hint=hint, id="fairway.W005")]
    return []


def _has_runserver(app: Any) -> bool:
    return "runserver" in find_commands(str(Path(app.path) / "management"))


def check_crosses_processes(**_: Any) -> Messages:
    """A layer in memory reaches nobody in another process."""
    return [
        Warning(
            f"CHANNEL_LAYERS[{alias!r}] is a {layer_class.__module__}.{layer_class.__name__}, "
            "which doesn't leave its process: workers, and servers with several processes, "
            "never hear of each other",
            hint=f"Write {OURS[0]!r} or {OURS[1]!r}.",
            id="fairway.W001",
        )
        for alias, layer_class in known_backends().items()
        if _stays(layer_class)
    ]


def _stays(layer_class: Any) -> bool:
    full_name = f"{layer_class.__module__}.{layer_class.__name__}"
    theirs: bool = full_name == "channels.layers.InMemoryChannelLayer"
    return theirs or not getattr(layer_class, "cross_process", True)
