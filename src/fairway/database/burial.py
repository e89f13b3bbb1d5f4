"""The end of a node: what it certainly never read goes back, the rest is lost and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.envelope import NORMAL
from .entries import Unread
from .rows import NodeRow, Stored
from .state import Needs, State
from .transaction import Transactions

_OF_NODE = ("inbox", "counts", "wants", "members", "group_nodes")


def bury(
    transactions: Transactions,
    id: str,
    returned: Mapping[str, Sequence[Stored]],
    cursor: tuple[int, int] | None,
) -> None:
    """Forget a node. ``returned``: what goes back to the normal channels named, besides.

    ``cursor``: how far it read, where the node itself ends; else it must be overdue, and
    has read what it may have read.
    """

    def decide(state: State) -> None:
        node = state.nodes.get(id)
        back = {channel: list(messages) for channel, messages in returned.items()}
        if node is not None:
            if cursor is None and node.kept >= state.now:
                return
            read_id = node.read_id if cursor is None else cursor[1]
            _take_apart(transactions, state, node, read_id, back)
        for channel, messages in back.items():
            state.wants[channel].pop(id, None)
            if messages:
                state.queues[channel].put_back(messages)
                state.touch(state.queues[channel].row)
                state.deal(channel)

    channels = set(returned)
    transactions.change(Needs(nodes_if_there={id}, channels=channels), decide)


def _take_apart(
    transactions: Transactions,
    state: State,
    node: NodeRow,
    read_id: int,
    back: dict[str, list[Stored]],
) -> None:
    entries, counts = transactions.connection.run(
        ("inbox_after", node.id, read_id), ("counts_of_node", node.id)
    )
    unread = Unread(entries)
    for channel, messages in unread.dealt.items():
        if channel in back:
            back[channel] += messages
    lost = unread.of_groups
    for field, number in counts:
        kept = back.get(field[1:], ()) if field.startswith(NORMAL) else ()
        lost += max(0, number - len(kept))
    # A row without a lease was made by those who sent to a node that nobody heard of.
    state.figures["d:reader_died" if node.lease else "d:expired"] += lost
    state.figures["m:gone"] += node.sent
    state.figures["f:gone"] += node.filled
    state.figures["g:gone"] += node.grouped
    state.first += [(f"drop_{table}_of_node", node.id) for table in _OF_NODE]
    state.first.append(("drop_node", node.id))
    del state.nodes[node.id]
    for of_field in state.counts.values():
        of_field.pop(node.id, None)
