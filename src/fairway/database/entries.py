"""The entries of an inbox, as rows hold them: fields and values in turn, packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import ormsgpack

from ..core.envelope import DIRECT, GROUP, NORMAL, parse_field, unstamped
from .rows import Stored

Pairs = list[tuple[bytes, bytes]]


def unpacked(body: bytes) -> Pairs:
    """The fields and values of a row; none where the bytes are not ours."""
    try:
        flat = ormsgpack.unpackb(body)
        return list(zip(flat[::2], flat[1::2], strict=True))
    except (ValueError, TypeError):
        return [(b"", body)]


def in_order(pairs: Pairs) -> Iterator[Pairs]:
    """Parts such that whatever changes memberships ends one: what follows must see it done."""
    first = 0
    for i, (field, _) in enumerate(pairs, 1):
        if parse_field(field).kind not in (DIRECT, GROUP, NORMAL):
            yield pairs[first:i]
            first = i
    if first < len(pairs):
        yield pairs[first:]


class Unread:
    """What the entries that nobody read hold: rows of the inbox."""

    def __init__(self, rows: Iterable[tuple[int, int, bytes]]):
        #: Messages of normal channels, oldest first.
        self.dealt: dict[str, list[Stored]] = {}
        #: Messages that are counted, by field.
        self.counted: Counter[str] = Counter()
        self.of_groups = 0
        for _, entered_ms, body in rows:
            for field, value in unpacked(bytes(body)):
                self._add(entered_ms, field, value)

    def _add(self, entered_ms: int, field: bytes, value: bytes) -> None:
        kind, name = parse_field(field)
        if kind == NORMAL:
            self.dealt.setdefault(name, []).append(unstamped(value, entered_ms))
        self.of_groups += kind == GROUP
        if kind in (NORMAL, DIRECT):
            self.counted[kind + name] += 1
