"""Objects by their import path, with errors that say which part of it is wrong."""

from __future__ import annotations

import difflib
import importlib
from types import ModuleType
from typing import Any

from ..errors import ConfigurationError


def load_object(path: str) -> Any:
    """The object at ``package.module:name.inside`` or ``package.module.name``.

    Raises :class:`ConfigurationError` for a path that leads nowhere. What a module
    itself raises while it is imported comes through unchanged.
    """
    module_path, _, names = path.partition(":")
    if not names:
        module_path, _, names = path.rpartition(".")
    if not module_path or not names:
        raise ConfigurationError(
            f"{path!r} is no import path: write 'package.module:name' or 'package.module.name'"
        )
    found: Any = _load_module(module_path, path)
    for name in names.split("."):
        found = _attribute(found, name, path)
    return found


def _load_module(name: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the named one imports may be what is missing: not the path's fault.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"can't load {path!r}: there is no module {error.name!r}; "
            "is it spelled right, and is its directory on the Python path?"
        ) from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"can't load {path!r}: {error}") from error


def _attribute(owner: Any, name: str, path: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError as error:
        close = difflib.get_close_matches(name, dir(owner), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        where = getattr(owner, "__name__", owner)
        raise ConfigurationError(f"can't load {path!r}: {where} has no {name!r}{hint}") from error
