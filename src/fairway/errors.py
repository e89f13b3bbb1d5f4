"""Every error Fairway raises, under one root.

Errors of foreign libraries (redis, database drivers, msgpack) never cross the
contract: they arrive as one of these, with the original as ``__cause__``.
"""

from __future__ import annotations

try:
    from channels.exceptions import ChannelFull as _ChannelsChannelFull
except ImportError:  # Channels is optional: without it nobody can catch its error either.
    _ChannelsChannelFull = Exception


class FairwayError(Exception):
    """The root of all errors of this package."""


class ChannelFull(FairwayError, _ChannelsChannelFull):  # type: ignore[misc,unused-ignore]
    """A ``send`` met a channel that holds its ``capacity`` of unread messages.

    Where ``channels`` is installed, ``except channels.exceptions.ChannelFull`` catches it too.
    """


class MessageTooLarge(FairwayError, ValueError):
    """A message's encoded size exceeds the layer's ``max_message_size`` (bytes)."""


class _BadInput(FairwayError, TypeError, AssertionError):
    """Channels' layers and channels_redis raise now the one, now the other for bad input."""


class InvalidName(_BadInput):
    """A channel or group name breaks the rules of :mod:`fairway.names`."""


class InvalidMessage(_BadInput):
    """A message is not a dict of the types that travel; the text names the path."""


class ConfigurationError(FairwayError, ValueError):
    """A setting is unknown, of the wrong type, or contradicts another."""


class MissingLibrary(FairwayError, ModuleNotFoundError):
    """A part of this package needs a library that is not installed; the text says which extra."""


class LayerClosed(FairwayError, RuntimeError):
    """The layer was used after ``close``."""


class StoreUnavailable(FairwayError, ConnectionError):
    """The store did not answer the call; unless the error says so, it was not carried out."""


class OutcomeUnknown(StoreUnavailable):
    """The connection broke after the call was written: nobody knows if it was carried out."""


class UndecodableMessage(FairwayError, ValueError):
    """Bytes read from a store are not a message (corrupt, or under a key we lack)."""


def channel_full(channel: str, capacity: int) -> ChannelFull:
    """The error for a ``send`` that met a full channel."""
    return ChannelFull(f"channel {channel!r} holds {capacity} unread messages, its capacity")
