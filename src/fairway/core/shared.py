"""A body that every member of a group gets."""

from __future__ import annotations

from typing import Any


class SharedBody(bytes):
    """An encoded message that many channels of this process share.

    Whoever decodes it first may leave the message here for the others, who take copies.
    """

    #: The shard that it came by.
    shard: str = ""
    #: The message, once decoded, if a shallow copy of it shares nothing that can change;
    #: False if it does.
    message: dict[str, Any] | bool | None = None
    #: What decoded it: another reader may have other keys.
    reader: object = None
