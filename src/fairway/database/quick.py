"""What needs no decision of ours, in one round trip, where several statements go together.

Most transactions are of two kinds: messages for the channels of one node, all of which
have room, and acknowledgements. The database can see for itself whether the first kind
is possible; where it isn't, nothing is done and the general way follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ormsgpack import packb

from ..core.outbox import Batch, Send
from .decide import Outcome, count_field
from .options import LinkOptions
from .state import State
from .statements import Call

#: Channels and messages beyond which the general way costs no more.
_MOST = 500


def quick_calls(
    batches: Sequence[Batch], options: LinkOptions, row_bytes: int, wake: Callable[[str], str]
) -> list[Call] | None:
    """The statements that carry these batches out, if they are of one of the two kinds."""
    if any(_needs_more(batch) for batch in batches):
        return None
    sending = [batch for batch in batches if batch.to_nodes]
    acking = [batch for batch in batches if batch.acks]
    if (sending and acking) or not (sending or acking):
        return None
    return _sends(sending, options, row_bytes, wake) if sending else _acks(acking, options)


def quick_outcomes(batch: Batch) -> list[Outcome]:
    """What the callers hear."""
    by_name = (by_name for by_name in batch.to_nodes.values())
    return [
        (send.done, None, None) for sends in by_name for each in sends.values() for send in each
    ]


def _needs_more(batch: Batch) -> bool:
    return bool(
        batch.to_channels or batch.to_groups or batch.memberships or batch.wants or batch.releases
    )


def _sends(
    batches: Sequence[Batch], options: LinkOptions, row_bytes: int, wake: Callable[[str], str]
) -> list[Call] | None:
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
    if node == options.node or any(len(sends) > capacity for sends in by_name.values()):
        return None
    flat = [
        part for name, sends in by_name.items() for send in sends
        for part in (name.encode(), send.body)
    ]  # fmt: skip
    rows = [packb(part) for part in State(options, row_bytes).packs(flat)]
    counts = [(name, len(sends)) for name, sends in by_name.items()]
    return [
        (
            "send_directly", len(rows), total, node, options.inbox_capacity, counts, capacity,
            list(zip(range(len(rows) - 1, -1, -1), rows, strict=True)), len(counts),
            wake(node), len(rows),
        )
    ]  # fmt: skip


def _acks(batches: Sequence[Batch], options: LinkOptions) -> list[Call] | None:
    counts: dict[str, int] = {}
    for batch in batches:
        for name, number in batch.acks.items():
            counts[count_field(name)] = counts.get(count_field(name), 0) + number
    if len(counts) > _MOST or any(number < 0 for number in counts.values()):
        return None
    rows = sorted(counts.items())
    return [("begin",), ("lock_nodes", [options.node]), ("ack", rows, options.node), ("commit",)]
