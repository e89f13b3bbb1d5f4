"""How a connection can end, and what its client is told."""

from __future__ import annotations

from enum import Enum

from ..errors import ChannelFull, LayerClosed, MessageTooLarge, StoreUnavailable


class Ending(Enum):
    """HTTP status, text, and WebSocket close code (RFC 6455, IANA's registry)."""

    COMPLETE = (200, "The application ended it.", 1000)
    GONE = (499, "The client left.", 1006)
    FAILED = (500, "Internal Server Error", 1011)
    LOST = (502, "The worker that handled this connection stopped.", 1012)
    UNATTENDED = (503, "No worker was free in time.", 1013)
    FULL = (503, "Too many events wait for a worker.", 1013)
    UNAVAILABLE = (503, "The channel layer's store is unavailable.", 1013)
    TOO_LARGE = (413, "This is larger than one message of the channel layer.", 1009)
    UNANSWERED = (504, "No consumer answered in time.", 1013)

    def __init__(self, status: int, text: str, code: int):
        self.status = status
        self.text = text
        self.code = code

    @classmethod
    def of(cls, error: BaseException) -> Ending | None:
        """What an error means for a connection; None if it is nobody's fault but ours."""
        for kind, ending in _BY_ERROR:
            if isinstance(error, kind):
                return ending
        return None


# In this order: StoreUnavailable is an OSError too. ASGI hosts raise OSError from `send` once
# the client has gone (specification version 2.4).
_BY_ERROR = (
    (ChannelFull, Ending.FULL),
    (MessageTooLarge, Ending.TOO_LARGE),
    (StoreUnavailable, Ending.UNAVAILABLE),
    (LayerClosed, Ending.UNAVAILABLE),
    (OSError, Ending.GONE),
)
