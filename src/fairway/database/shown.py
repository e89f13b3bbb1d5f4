"""Entries that go along with the notification of their reader, which saves it a round trip.

Only those that hold nothing but messages for process-specific channels: what becomes of those
when a node dies does not depend on whether their entry was read.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple

#: Bytes of an entry that fit into a notification: PostgreSQL takes less than 8,000, in text.
_MOST = 5_500


class Shown(NamedTuple):
    """What a notification says of an entry."""

    born: int
    id: int
    sent: int
    body: bytes


def shown(rows: Sequence[tuple[int, bytes]]) -> str:
    """What to tell of the rows of a transaction: a single one that is small, or nothing."""
    if len(rows) > 1 or len(rows[0][1]) > _MOST:
        return ""
    return b64encode(rows[0][1]).decode()


def parse_shown(payload: bytes) -> Shown | None:
    """What a notification shows, if anything; others may notify, too, of whatever they like."""
    numbers, _, body = payload.rpartition(b" ")
    try:
        born, id, sent = map(int, numbers.split())
        return Shown(born, id, sent, b64decode(body, validate=True)) if body else None
    except ValueError:
        return None
