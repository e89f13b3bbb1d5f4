"""What surrounds a running consumer: the layer it works on, and sends not yet awaited."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from ..errors import ConfigurationError
from ..layer import ChannelLayer

_layer: ContextVar[ChannelLayer] = ContextVar("fairway_layer")
_begun: ContextVar[list[asyncio.Future[Any]]] = ContextVar("fairway_begun")


def set_layer(layer: ChannelLayer) -> None:
    """Make ``layer`` the one that groups and channels use in this context."""
    _layer.set(layer)


def get_layer() -> ChannelLayer:
    """The layer of this context; ConfigurationError outside of a worker."""
    try:
        return _layer.get()
    except LookupError:
        raise ConfigurationError(
            "no channel layer here: a worker sets it for its consumers; elsewhere pass layer=…"
        ) from None


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
