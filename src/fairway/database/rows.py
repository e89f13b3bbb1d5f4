"""The rows that a transaction reads and changes, as objects."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from ormsgpack import packb, unpackb

#: An end that never comes, in milliseconds.
NEVER = 1 << 62


class NodeRow:
    """A node, and the place of its inbox. Times in milliseconds of the database's clock."""

    __slots__ = (
        "born", "changed", "filled", "grouped", "id", "kept", "known", "last_id", "lease",
        "read_id", "sent",
    )  # fmt: skip

    def __init__(
        self, id: str, born: int, last_id: int, read_id: int, lease: int, kept: int,
        known: int, sent: int, filled: int, grouped: int,
    ):  # fmt: skip
        self.id = id
        #: Tells this row from former ones of the same id; ids of entries begin above it.
        self.born = born
        self.last_id = last_id
        #: Entries up to here were read, or may have been.
        self.read_id = read_id
        #: Until when the node lives; 0: it never said that it does.
        self.lease = lease
        #: Until when the row stays.
        self.kept = kept
        #: Whether there was a heartbeat.
        self.known = known
        self.sent = sent
        self.filled = filled
        self.grouped = grouped
        self.changed = False

    def values(self) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        return (
            self.id, self.born, self.last_id, self.read_id, self.lease, self.kept,
            self.known, self.sent, self.filled, self.grouped,
        )  # fmt: skip


def new_node(id: str, now: int, *, lease: int, kept: int) -> NodeRow:
    """A row for a node that has none. Its entries' ids are above those of any former row."""
    born = now * 1000
    return NodeRow(id, born, born, born, lease, kept, 0, 0, 0, 0)


class ChannelRow:
    """A normal channel and the place of its queue."""

    __slots__ = (
        "changed", "due", "filled", "first_id", "last_id", "name", "queued", "sent", "used",
    )  # fmt: skip

    def __init__(
        self, name: str, first_id: int, last_id: int, queued: int, due: int, used: int,
        sent: int, filled: int,
    ):  # fmt: skip
        self.name = name
        self.first_id = first_id
        self.last_id = last_id
        self.queued = queued
        #: When to look for expired messages, or for an unused channel.
        self.due = due
        self.used = used
        self.sent = sent
        self.filled = filled
        self.changed = False

    def values(self) -> tuple[Any, ...]:
        """In the order of the table's columns."""
        return (
            self.name, self.first_id, self.last_id, self.queued, self.due, self.used,
            self.sent, self.filled,
        )  # fmt: skip


#: When a message was sent (milliseconds), and its body.
Stored = tuple[int, bytes]


class Queue:
    """The queue of a normal channel within one transaction.

    ``front`` was put back, ``head`` is what the first rows of the table hold, as far as
    they were read; ``back`` came now. What was not read stands between head and back.
    """

    def __init__(self, row: ChannelRow):
        self.row = row
        self.front: deque[Stored] = deque()
        self.head: deque[Stored] = deque()
        self.back: deque[Stored] = deque()
        #: Messages in the table that were not read.
        self.unseen = row.queued
        #: The last row that was read, and whether any message of those rows was taken.
        self.read_id: int | None = None
        self.taken = False

    def __len__(self) -> int:
        return len(self.front) + len(self.head) + self.unseen + len(self.back)

    def at_hand(self) -> int:
        """How many messages can be taken now, in order."""
        rest = 0 if self.unseen else len(self.back)
        return len(self.front) + len(self.head) + rest

    def take(self) -> Stored:
        """The first message, removed."""
        if self.front:
            return self.front.popleft()
        if self.head:
            self.taken = True
            return self.head.popleft()
        return self.back.popleft()

    def saw(self, rows: Sequence[tuple[int, int, bytes]]) -> None:
        """The first rows of the table were read."""
        for id, sent, body in rows:
            self.read_id = id
            messages = unpack(bytes(body))
            self.head.extend((sent, message) for message in messages)
            self.unseen = max(0, self.unseen - len(messages))

    def expired(self, gone: int, cutoff: int) -> None:
        """Messages sent until ``cutoff`` left the table."""
        before = len(self.head)
        self.head = deque(stored for stored in self.head if stored[0] > cutoff)
        self.unseen = max(0, self.unseen - (gone - (before - len(self.head))))
        self.row.queued = len(self.head) + self.unseen

    def put_back(self, messages: Sequence[Stored]) -> None:
        """Return messages to the front, oldest first."""
        self.front.extendleft(reversed(messages))

    def new_rows(self, row_bytes: int) -> list[tuple[str, int, int, int, bytes]]:
        """What is left, as rows for the table; the channel's row agrees.

        Rows that were read are to be deleted where a message of theirs was taken, so the
        rest of those goes into new ones.
        """
        row = self.row
        first = [*self.front, *(self.head if self.taken else ())]
        rows = []
        fronts = list(packs(first, row_bytes))
        row.first_id -= len(fronts)
        for i, (sent, bodies) in enumerate(fronts):
            rows.append((row.name, row.first_id + i, sent, len(bodies), packb(bodies)))
        for sent, bodies in packs(list(self.back), row_bytes):
            row.last_id += 1
            rows.append((row.name, row.last_id, sent, len(bodies), packb(bodies)))
        row.queued = len(self)
        return rows


def packs(messages: Sequence[Stored], row_bytes: int) -> Iterator[tuple[int, list[bytes]]]:
    """Messages of the same time together, as many as fit a row."""
    part: list[bytes] = []
    volume, time = 0, 0
    for sent, body in messages:
        if part and (sent != time or volume + len(body) > row_bytes):
            yield time, part
            part, volume = [], 0
        part.append(body)
        volume += len(body) + 8
        time = sent
    if part:
        yield time, part


def unpack(body: bytes) -> list[bytes]:
    """The messages of a row; one that can't be decoded where the bytes are not ours."""
    try:
        messages: list[bytes] = unpackb(body)
    except ValueError:
        return [body]
    return messages if isinstance(messages, list) else [body]
