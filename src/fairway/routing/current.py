"""What surrounds a running consumer: the layer it works on, and sends not yet awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ..errors import ConfigurationError
from ..layer import ChannelLayer

_layer: ContextVar[ChannelLayer] = ContextVar("fairway_layer")
_begun: ContextVar[list[asyncio.Future[Any]]] = ContextVar("fairway_begun")


class _Default:
    """The one thing that belongs to the program as a whole: every thread needs to find it."""

    provider: Callable[[], ChannelLayer] | None = None


_default = _Default()


def set_layer(layer: ChannelLayer) -> None:
    """Make ``layer`` the one that groups and channels use in this context."""
    _layer.set(layer)


def set_default(provider: Callable[[], ChannelLayer]) -> None:
    """Have ``provider`` tell the layer where no worker is around: in a view, say."""
    _default.provider = provider


def get_layer() -> ChannelLayer:
    """The layer of this context, or else the program's default; ConfigurationError without one."""
    layer = _layer.get(None)
    if layer is not None:
        return layer
    if _default.provider is not None:
        return _default.provider()
    raise ConfigurationError(
        "no channel layer here: a worker sets it for its consumers, and 'fairway.django' in "
        "INSTALLED_APPS for a Django project; elsewhere pass layer=…"
    )


def collect_begun() -> list[asyncio.Future[Any]]:
    """A new list for this context, to which sends that a consumer begins add themselves."""
    begun: list[asyncio.Future[Any]] = []
    _begun.set(begun)
    return begun


def note_begun(future: asyncio.Future[Any]) -> None:
    """Have the consumer's end wait for ``future``, awaited by it or not."""
    begun = _begun.get(None)
    if begun is not None:
        begun.append(future)
