"""What a worker can run, and clear words about what it can't."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..errors import ConfigurationError
from ..routing.loading import load_object
from ..routing.routes import Include, Route, Routes
from ..server.asgi import Application

Target = Application | Routes

_WANTED = "a worker runs an ASGI 3 application or a list of routes"


def load_target(path: str) -> Target:
    """The application or the routes at an import path (``module:name`` or ``module.name``).

    Raises :class:`ConfigurationError` if the path leads nowhere or to something else.
    """
    return check_target(load_object(path), path)


def check_target(target: Any, name: str | None = None) -> Target:
    """``target``, if a worker can run it; ConfigurationError says why not. ``name`` is for that."""
    name = name or _name_of(target)
    if isinstance(target, (list, tuple)) and not isinstance(target, (Route, Include)):
        if not target:
            raise ConfigurationError(f"{name} is an empty list of routes: nothing to serve")
        return list(target)
    if not callable(target):
        raise ConfigurationError(f"{name} is a {type(target).__name__}; {_WANTED}")
    problem = _problem_of(target)
    if problem:
        raise ConfigurationError(f"{name} {problem}; {_WANTED}")
    application: Application = target
    return application


def _name_of(target: Any) -> str:
    return getattr(target, "__qualname__", None) or f"{target!r:.60}"


def _problem_of(target: Callable[..., Any]) -> str | None:
    """Why a callable is no ASGI 3 application, as far as its parameters tell."""
    if inspect.isclass(target):
        return "is a class, so an ASGI 2 application or one that wants to be instantiated first"
    parameters = _positional(target)
    if parameters is None or len(parameters) == 3:
        return None
    if len(parameters) == 2:
        return (
            f"takes {_listed(parameters)}: a WSGI application "
            "(Django has get_asgi_application(), others asgiref.wsgi.WsgiToAsgi)"
        )
    if len(parameters) == 1:
        return f"takes {_listed(parameters)}: an ASGI 2 application, or a function that makes one"
    if not parameters:
        return "takes no arguments: is it a function that makes the application?"
    return f"takes {_listed(parameters)}, where an application takes scope, receive, send"


def _listed(parameters: list[str]) -> str:
    return f"({', '.join(parameters)})"


def _positional(target: Callable[..., Any]) -> list[str] | None:
    """The required positional parameters; None where they can't be told or are flexible."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p.name for p in positional if p.default is p.empty]
    return None if len(required) < 3 <= len(positional) else required
