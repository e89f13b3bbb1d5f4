"""Connection scopes as messages, and back.

The keys are those of the 2016 channel-message formats for ``http.request`` and
``websocket.connect``; ``raw_path``, ``subprotocols``, ``extensions`` and ``spec_version``
are there so that an ASGI 3 application gets the scope it would have had in one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...types import Message
from . import EXTENSIONS

_KEYS = ("http_version", "scheme", "path", "raw_path", "query_string", "root_path", "headers")
_KEYS_BY_TYPE = {"http": (*_KEYS, "method"), "websocket": (*_KEYS, "subprotocols")}
_ADDRESSES = ("client", "server")


def event_of(scope: Mapping[str, Any]) -> Message:
    """What the first event of a connection says about it."""
    event = {key: scope[key] for key in _KEYS_BY_TYPE[scope["type"]] if scope.get(key) is not None}
    event.update({key: scope.get(key) for key in _ADDRESSES})
    event["headers"] = list(scope["headers"])
    extensions = scope.get("extensions")
    if extensions is not None:
        event["extensions"] = {name: extensions[name] for name in EXTENSIONS if name in extensions}
    event["spec_version"] = scope["asgi"].get("spec_version", "2.0")
    return event


def scope_of(event: Message, state: Mapping[str, Any]) -> dict[str, Any]:
    """The ASGI scope that ``event`` was made from, with the worker's lifespan ``state``."""
    kind = event["type"].partition(".")[0]
    keys = (*_KEYS_BY_TYPE[kind], "extensions")
    scope = {key: event[key] for key in keys if key in event}
    scope.update({key: event[key] and tuple(event[key]) for key in _ADDRESSES})
    return {
        **scope,
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": event["spec_version"]},
        "headers": [(name, value) for name, value in event["headers"]],
        "state": dict(state),
        "fairway": {"resumed": bool(event.get("resumed"))},
    }
