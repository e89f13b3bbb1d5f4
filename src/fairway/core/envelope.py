"""What one field of a node's inbox means.

A stored inbox is a sequence of entries, each a list of ``(field, value)``. The
field's first character says what the value is, so that one inbox carries all that
concerns its node, in order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

#: A message for the process-specific channel named by the field itself: one with a ``!``.
DIRECT = ""
#: A message for the node's channels in the group.
GROUP = "@"
#: A message dealt to this node from the normal channel, its sending time before it.
NORMAL = ">"
#: The channel in the value joins, or leaves, the group; or the whole store was flushed.
JOIN, LEAVE, FLUSH = "+", "-", "*"
#: The node itself wrote this, to hear when it has read all that came before.
ECHO = "="

#: Bytes before a normal channel's message: when it was sent, in milliseconds, big-endian.
STAMP = 8
#: Those of one that was sent when its entry was written.
AS_ENTERED = bytes(STAMP)

_MARKS = (GROUP, NORMAL, JOIN, LEAVE, FLUSH, ECHO)


class Field(NamedTuple):
    """A field taken apart."""

    kind: str
    name: str


@lru_cache(maxsize=16384)
def parse_field(field: bytes) -> Field:
    """The kind of a field and the name it carries."""
    text = field.decode("ascii", "replace")
    if text[:1] in _MARKS and "!" not in text:
        return Field(text[0], text[1:])
    return Field(DIRECT, text)


def stamped(sent_ms: int, body: bytes) -> bytes:
    """A normal channel's message as it is stored."""
    return sent_ms.to_bytes(STAMP, "big") + body


def unstamped(value: bytes, entered_ms: int) -> tuple[int, bytes]:
    """When such a message, of an entry of that time, was sent; and its body."""
    if value.startswith(AS_ENTERED):  # nearly always
        return entered_ms, value[STAMP:]
    return int.from_bytes(value[:STAMP], "big"), value[STAMP:]
