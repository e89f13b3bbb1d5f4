"""What needs no decision of ours, in one round trip, where several statements go together.

Most transactions are of four kinds: messages for the channels of one node, all of which
have room; messages of a normal channel that one node wants; a wish for more of a normal
channel that has none; and acknowledgements. The database can see for itself whether what it
takes is so; where it isn't, nothing is done and the general way follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ormsgpack import packb

from ..core.envelope import NORMAL, stamped
from ..core.outbox import Batch, Send
from .decide import Outcome, count_field
from .options import LinkOptions
from .shown import shown
from .state import State
from .statements import Call

#: Channels and messages beyond which the general way costs no more.
_MOST = 500
#: Batches that go the general way where one had to.
_LEFT_OUT = 5

_PARTS = ("to_nodes", "to_channels", "to_groups", "memberships", "wants", "releases", "acks")


class Quick(NamedTuple):
    """Statements that carry batches out, in one transaction."""

    calls: list[Call]
    #: Which of them tells whether anything was done, by its first value.
    telling: int | None = None
    #: What to leave out for a while where nothing was.
    about: str = ""

    def worked(self, answers: Sequence[Any]) -> bool:
        """Whether the batches were carried out."""
        return self.telling is None or bool(answers[self.telling][0][0])


class QuickWay:
    """Finds the statements for batches of one of the four kinds."""

    def __init__(self, options: LinkOptions, row_bytes: int, wake: Callable[[str], str]):
        self._options = options
        self._row_bytes = row_bytes
        self._wake = wake
        #: What had to go the general way, and for how many batches it shall.
        self._left_out: dict[str, int] = {}

    def find(self, batches: Sequence[Batch]) -> Quick | None:
        """The statements, if the batches are of one kind."""
        found = {part for batch in batches for part in _PARTS if getattr(batch, part)}
        if found == {"to_nodes"}:
            return self._sends(batches)
        if found == {"to_channels"}:
            return self._deals(batches)
        if found == {"acks"}:
            return self._acks(batches)
        if found in ({"wants"}, {"wants", "acks"}):
            return self._want(batches)
        return None

    def leave_out(self, quick: Quick) -> None:
        """It was not as it takes, and is likely to stay so for some time."""
        if len(self._left_out) >= _MOST:  # names ever used shall not pile up
            self._left_out.clear()
        self._left_out[quick.about] = _LEFT_OUT

    def _sends(self, batches: Sequence[Batch]) -> Quick | None:
        nodes = {node for batch in batches for node in batch.to_nodes}
        by_name: dict[str, list[Send]] = {}
        for batch in batches:
            for names in batch.to_nodes.values():
                for name, sends in names.items():
                    by_name.setdefault(name, []).extend(sends)
        capacities = {sends[0].capacity for sends in by_name.values()}
        total = sum(map(len, by_name.values()))
        if len(nodes) > 1 or len(capacities) > 1 or total > _MOST:
            return None
        (node,), (capacity,) = nodes, capacities
        own = node == self._options.node
        if own or any(len(sends) > capacity for sends in by_name.values()):
            return None
        rows = self._rows([
            part for name, sends in by_name.items() for send in sends
            for part in (name.encode(), send.body)
        ])  # fmt: skip
        counts = [(name, len(sends)) for name, sends in by_name.items()]
        # Where many share a transaction, the reader is at it already.
        told = shown(rows) if total == 1 else ""
        call = (
            "send_directly", len(rows), total, node, self._options.inbox_capacity, counts,
            capacity, rows, len(counts), self._wake(node), told, len(rows),
        )  # fmt: skip
        return Quick([call])

    def _deals(self, batches: Sequence[Batch]) -> Quick | None:
        places = {place for batch in batches for place in batch.to_channels}
        sends = [send for batch in batches for each in batch.to_channels.values() for send in each]
        (channel, _), n = places.pop(), len(sends)
        room = sends[0].capacity - n
        if places or n > _MOST or room < 0 or self._is_left_out(channel):
            return None
        field = NORMAL + channel
        name = field.encode()
        rows = self._rows([part for send in sends for part in (name, stamped(0, send.body))])
        call = (
            "deal_directly", channel, n, n, room, field, len(rows), n, channel, field, n,
            n, self._options.expiry_ms, channel, rows, len(rows), self._wake(""),
        )  # fmt: skip
        # Locked first: what the second statement sees was stored by all who had the lock before.
        return Quick([("lock_channels", [channel]), call], 1, channel)

    def _is_left_out(self, about: str) -> bool:
        left = self._left_out.pop(about, 0)
        if left > 1:
            self._left_out[about] = left - 1
        return left > 0

    def _want(self, batches: Sequence[Batch]) -> Quick | None:
        wants = [want for batch in batches for want in batch.wants]
        counts = _handed_over(batches)
        about = f"want {wants[0].channel}"
        if len(wants) > 1 or counts is None or self._is_left_out(about):
            return None
        (want,), own = wants, self._options.node
        # Rows of values are one at the least, so an empty one stands for none.
        call = (
            "want_directly", want.channel, own, own, want.credit, int(want.anew),
            self._options.expiry_ms, counts or [("", 0)], own,
        )  # fmt: skip
        locks: list[Call] = [("lock_channels", [want.channel]), ("lock_nodes", [own])]
        return Quick([*locks, call], 2, about)

    def _acks(self, batches: Sequence[Batch]) -> Quick | None:
        counts, own = _handed_over(batches), self._options.node
        if counts is None:
            return None
        return Quick([("lock_nodes", [own]), ("ack", counts, own)])

    def _rows(self, flat: list[bytes]) -> list[tuple[int, bytes]]:
        """Fields and values as rows of an inbox, each with its distance to the last."""
        rows = [packb(part) for part in State(self._options, self._row_bytes).packs(flat)]
        return list(zip(range(len(rows) - 1, -1, -1), rows, strict=True))


def quick_outcomes(batch: Batch) -> list[Outcome]:
    """What the callers hear."""
    by_place = [*batch.to_channels.values()]
    for by_name in batch.to_nodes.values():
        by_place += by_name.values()
    done = [send.done for sends in by_place for send in sends]
    done += [want.done for want in batch.wants]
    return [(each, None, None) for each in done]


def _handed_over(batches: Sequence[Batch]) -> list[tuple[str, int]] | None:
    """Fields and how many of their messages were handed over; None if that is not all."""
    counts: dict[str, int] = {}
    for batch in batches:
        for name, number in batch.acks.items():
            counts[count_field(name)] = counts.get(count_field(name), 0) + number
    if len(counts) > _MOST or any(number < 0 for number in counts.values()):
        return None
    return sorted(counts.items())
