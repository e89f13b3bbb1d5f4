"""The layers that the setting ``CHANNEL_LAYERS`` names, one object for each alias.

::

    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "fairway.redis.RedisChannelLayer",
            "CONFIG": {"hosts": ["redis://localhost:6379"]},
            "TEST_CONFIG": {"hosts": ["redis://localhost:6379/9"]},
            "ROUTING": "mysite.routing.channel_routing",
        },
    }

Where Channels is installed its manager holds the same objects, whoever asks first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from ..contract import check_layer
from ..layer import ChannelLayer
from .configuration import check_routing_key, configured, entry_of, make_layer

#: The alias that is meant where none is named.
DEFAULT = "default"


class LayerManager:
    """Makes a layer when its alias is first asked for, and keeps it until settings change."""

    def __init__(self) -> None:
        self._own: dict[str, Any] = {}
        self._lock = threading.Lock()
        setting_changed.connect(self._forget)

    def __getitem__(self, alias: str) -> Any:
        """The layer of an alias; :class:`ConfigurationError` says why there is none."""
        with self._lock:
            made = self._made
            if alias not in made:
                check_routing_key(alias, entry_of(alias))
                made[alias] = make_layer(alias)
            return made[alias]

    def __contains__(self, alias: object) -> bool:
        return alias in configured()

    def __iter__(self) -> Iterator[str]:
        return iter(configured())

    def set(self, alias: str, layer: Any) -> Any:
        """Have ``alias`` mean ``layer``; returns what it meant before, None if nothing yet."""
        with self._lock:
            before = self._made.pop(alias, None)
            if layer is not None:
                self._made[alias] = layer
            return before

    @property
    def _made(self) -> dict[str, Any]:
        """Layers by alias: Channels' own dict where there is Channels."""
        theirs = self._channels
        return self._own if theirs is None else theirs.backends

    @cached_property
    def _channels(self) -> Any:
        try:
            from channels.layers import channel_layers as theirs
        except ImportError:
            return None
        return theirs

    def _forget(self, *, setting: str, **_: Any) -> None:
        if setting == "CHANNEL_LAYERS":
            self._own = {}


channel_layers = LayerManager()


def get_channel_layer(alias: str = DEFAULT) -> Any:
    """The layer that ``CHANNEL_LAYERS`` names ``alias``, always the same object.

    Raises :class:`ConfigurationError` where there is none, or none can be made.
    """
    return channel_layers[alias]


def own_layer(alias: str = DEFAULT) -> ChannelLayer:
    """The layer of ``alias``, if servers and workers can use it; ConfigurationError otherwise."""
    layer: ChannelLayer = channel_layers[alias]
    kind = f"{type(layer).__module__}.{type(layer).__name__}"
    check_layer(layer, f"CHANNEL_LAYERS[{alias!r}], a {kind},")
    return layer


def routing_of(alias: str = DEFAULT, override: str | None = None) -> Any:
    """What workers on a layer run: an import path, a list of routes or an application.

    ``override`` (an option of a command) comes first, then ``ROUTING`` of the alias, then
    the setting ``CHANNEL_ROUTING``, for projects with Channels. None where all are missing.
    """
    return override or entry_of(alias).get("ROUTING") or getattr(settings, "CHANNEL_ROUTING", None)
