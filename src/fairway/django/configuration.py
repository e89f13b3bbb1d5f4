"""What the setting ``CHANNEL_LAYERS`` says, and the layers that can be made of it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from .mistakes import Mistake, listed, nearest
from .peers import PEERS

#: What an entry of ``CHANNEL_LAYERS`` may say.
KEYS = ("BACKEND", "CONFIG", "TEST_CONFIG", "ROUTING")

OURS = (
    "fairway.redis.RedisChannelLayer",
    "fairway.database.DatabaseChannelLayer",
    "fairway.memory.InMemoryChannelLayer",
)
_EXAMPLE = '"BACKEND": "fairway.redis.RedisChannelLayer"'

#: What pip calls the package in which a module is.
_INSTALLED_BY = {
    "redis": "fairway[redis]",
    "hiredis": "fairway[redis]",
    "cryptography": "fairway[crypto]",
    "psycopg": "fairway[postgres]",
    "psycopg2": "fairway[postgres]",
    "MySQLdb": "fairway[mysql]",
    "channels": "channels",
    "channels_redis": "channels-redis",
    "channels_postgres": "channels_postgres",
}


def configured() -> Mapping[str, Any]:
    """The setting ``CHANNEL_LAYERS``; empty where there is none."""
    layers = getattr(settings, "CHANNEL_LAYERS", None) or {}
    if not isinstance(layers, Mapping):
        raise Mistake(
            "E001",
            f"CHANNEL_LAYERS is a {type(layers).__name__}",
            f'write a dict of layers by alias: {{"default": {{{_EXAMPLE}}}}}',
        )
    return layers


def entry_of(alias: str) -> Mapping[str, Any]:
    """What ``CHANNEL_LAYERS`` says of an alias. Raises :class:`Mistake`."""
    layers = configured()
    if alias not in layers:
        raise _unknown_alias(alias, layers)
    where, entry = f"CHANNEL_LAYERS[{alias!r}]", layers[alias]
    if not isinstance(entry, Mapping):
        raise Mistake("E001", f"{where} is {entry!r}", f"write a dict: {{{_EXAMPLE}}}")
    if not isinstance(entry.get("BACKEND"), str):
        text = f"{where}['BACKEND'] is {entry['BACKEND']!r}" if "BACKEND" in entry else (
            f"{where} has no 'BACKEND'"
        )  # fmt: skip
        raise Mistake("E001", text, f"write the import path of a layer's class: {_EXAMPLE}")
    for key in ("CONFIG", "TEST_CONFIG"):
        if not isinstance(entry.get(key, {}), Mapping):
            text = f"{where}[{key!r}] is a {type(entry[key]).__name__}"
            raise Mistake("E001", text, "write a dict of the layer's options")
    return entry


def _unknown_alias(alias: str, layers: Mapping[str, Any]) -> Mistake:
    if not layers:
        hint = f'write CHANNEL_LAYERS = {{"{alias}": {{{_EXAMPLE}}}}}'
        return Mistake("E001", "the setting CHANNEL_LAYERS names no layer", hint)
    close = nearest(alias, layers)
    hint = f"did you mean {close!r}?" if close else f"ask for one of them, or add {alias!r}"
    return Mistake("E001", f"CHANNEL_LAYERS has no {alias!r}; it has {listed(layers)}", hint)


def make_layer(alias: str, key: str = "CONFIG") -> Any:
    """A new layer from the settings of ``alias``, and what they have under ``key``.

    Raises :class:`Mistake`.
    """
    entry = entry_of(alias)
    layer_class = backend_of(alias, entry)
    config = entry.get(key, {})
    try:
        return layer_class(**config)
    except Exception as error:  # each class has its own ways to refuse
        where = f"CHANNEL_LAYERS[{alias!r}]"
        package = _missing_package(error)
        if package is not None:
            raise _missing(f"{where}[{key!r}] asks for {package!r}", package) from error
        hint = _better_config(layer_class, config)
        raise Mistake("E004", f"{where}[{key!r}]: {words_of(error)}", hint) from error


def check_routing_key(alias: str, entry: Mapping[str, Any]) -> None:
    """Refuse what Channels would refuse, whoever makes the layer."""
    if "ROUTING" in entry and channels_is_installed():
        raise Mistake(
            "E007",
            f"CHANNEL_LAYERS[{alias!r}] has a key 'ROUTING', which Channels refuses",
            f"write CHANNEL_ROUTING = {entry['ROUTING']!r} beside CHANNEL_LAYERS instead",
        )


def channels_is_installed() -> bool:
    """Whether the project has Channels among its ``INSTALLED_APPS``."""
    return any(app == "channels" or app.startswith("channels.") for app in settings.INSTALLED_APPS)


def backend_of(alias: str, entry: Mapping[str, Any]) -> Any:
    """The class that ``BACKEND`` names. Raises :class:`Mistake`."""
    path = entry["BACKEND"]
    where = f"CHANNEL_LAYERS[{alias!r}]['BACKEND'] is {path!r}"
    try:
        found = import_string(path)
    except Exception as error:  # whatever the module itself raises, too
        package = _missing_package(error)
        if package is not None:
            raise _missing(where, package) from error
        raise Mistake("E002", f"{where}: {words_of(error)}", _better_backend(path)) from error
    if not isinstance(found, type):
        raise Mistake("E002", f"{where}, which is {found!r} and no class", _better_backend(path))
    return found


def sound_entries() -> Mapping[str, Any]:
    """The entries of ``CHANNEL_LAYERS`` that have the form they need."""
    try:
        aliases = list(configured())
    except Mistake:
        return {}
    return {alias: entry_of(alias) for alias in aliases if _is_sound(alias)}


def _is_sound(alias: str) -> bool:
    try:
        entry_of(alias)
    except Mistake:
        return False
    return True


def known_backends() -> Mapping[str, Any]:
    """The layer classes by alias, of those that can be imported."""
    found = {}
    for alias, entry in sound_entries().items():
        with suppress(Mistake):
            found[alias] = backend_of(alias, entry)
    return found


def all_backends() -> Mapping[str, Any]:
    """The layer classes by alias. Raises :class:`Mistake` for any that has none."""
    return {alias: backend_of(alias, entry_of(alias)) for alias in configured()}


def database_places(backends: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Of each database layer among these its alias, its database and its prefix."""
    from ..database import DatabaseChannelLayer

    for alias, layer_class in backends.items():
        if issubclass(layer_class, DatabaseChannelLayer):
            config = entry_of(alias).get("CONFIG", {})
            yield alias, config.get("alias", "default"), config.get("prefix", "asgi")


def _better_backend(path: str) -> str:
    close = nearest(path, (*OURS, *PEERS))
    return f"did you mean {close!r}?" if close else f"write one of {listed(OURS)}"


def _missing_package(error: BaseException | None) -> str | None:
    """The known package that was found missing, whatever became of that error."""
    while error is not None:
        if isinstance(error, ImportError):
            package = (error.name or "").partition(".")[0]
            if package in _INSTALLED_BY and sys.modules.get(package) is None:
                return package
        error = error.__cause__ or error.__context__
    return None


def _missing(where: str, package: str) -> Mistake:
    command = f"pip install {_INSTALLED_BY[package]!r}"
    return Mistake("E003", f"{where}, but {package!r} is not installed", f"run {command}")


def _better_config(layer_class: type, config: Mapping[str, Any]) -> str:
    known = [name for name in inspect.signature(layer_class).parameters if name != "unknown"]
    for key in config:
        if key not in known:
            close = nearest(str(key), known)
            return f"write {close!r} instead of {key!r}" if close else f"leave {key!r} out"
    return "correct the value, or leave the option out to have its default"


def words_of(error: Exception) -> str:
    """What an error says, with its kind where that is all it says."""
    return str(error) or type(error).__name__
