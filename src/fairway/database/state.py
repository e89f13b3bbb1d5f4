"""What one transaction knows and changes: loaded rows, and rules on them. No I/O.

A transaction locks and reads the rows that it needs, decides on them here, and writes
what changed: two round trips where the database takes several statements at once.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import ormsgpack

from ..core.envelope import NORMAL, stamped
from .options import LinkOptions
from .rows import NEVER, ChannelRow, NodeRow, Queue, Stored
from .statements import Call

#: Messages of a normal channel dealt to one node at once.
DEALT_AT_ONCE = 1000
#: Milliseconds that the figures of an unused normal channel are kept.
FIGURES_KEPT_MS = 86_400_000


@dataclass
class Needs:
    """Names of what a transaction locks and reads."""

    nodes: set[str] = field(default_factory=set)
    #: Nodes that need not exist.
    nodes_if_there: set[str] = field(default_factory=set)
    #: Normal channels, with what each node was dealt of them.
    channels: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    #: Process-specific channels whose count matters, and other normal ones, marked ``>``.
    fields: set[str] = field(default_factory=set)
    #: Messages that may be taken from the queues of normal channels, besides those that
    #: the database knows are wanted.
    credits: Counter[str] = field(default_factory=Counter)


class State:
    """Rows by name, and what became of them."""

    def __init__(self, options: LinkOptions, row_bytes: int):
        self.options = options
        self.now = 0
        self.nodes: dict[str, NodeRow] = {}
        self.queues: dict[str, Queue] = {}
        self.wants: dict[str, dict[str, int]] = defaultdict(dict)
        self.counts: dict[str, dict[str, int]] = defaultdict(dict)
        self.group_nodes: dict[str, dict[str, int]] = defaultdict(dict)
        self.normal_members: dict[str, dict[str, None]] = defaultdict(dict)
        #: Entries for inboxes: fields and values in turn, by node.
        self.entries: dict[str, list[bytes]] = defaultdict(list)
        self.figures: Counter[str] = Counter()
        #: Memberships by group and channel: the node ('' for none) and the end; None: none.
        self.members: dict[tuple[str, str], tuple[str, int] | None] = {}
        self.changed_group_nodes: set[tuple[str, str]] = set()
        self.changed_counts: set[tuple[str, str]] = set()
        self.changed_wants: set[tuple[str, str]] = set()
        #: Wants that the database has.
        self.stored_wants: set[tuple[str, str]] = set()
        #: Channels with more to deal than was read.
        self.undealt: set[str] = set()
        #: Statements to carry out before all else is written.
        self.first: list[Call] = []
        self._row_bytes = row_bytes

    # -- nodes ------------------------------------------------------------------------

    def lives(self, node: NodeRow) -> bool:
        """Whether a node may be dealt messages."""
        return node.lease >= self.now or node.id == self.options.node

    def entry(self, node: NodeRow, field: str, value: bytes) -> None:
        """Add to a node's inbox."""
        self.entries[node.id] += (field.encode(), value)

    def add_count(self, field: str, node: str, n: int) -> int:
        """Count messages; never below 0. What it was before."""
        of_field = self.counts[field]
        before = of_field.get(node, 0)
        of_field[node] = max(0, before + n)
        self.changed_counts.add((field, node))
        return before

    # -- normal channels ----------------------------------------------------------------

    def unread(self, channel: str) -> int:
        """Messages of a normal channel that nobody was handed yet."""
        return len(self.queues[channel]) + sum(self.counts[NORMAL + channel].values())

    def touch(self, row: ChannelRow) -> None:
        """A channel is in use: look for expired messages when the first may be."""
        row.changed = True
        row.used = self.now
        row.due = min(row.due, self.now + self.options.expiry_ms)

    def want(self, channel: str, credit: int, anew: bool) -> None:
        """Our node can take more messages of a channel."""
        node = self.options.node
        before = 0 if anew else self.wants[channel].get(node, 0)
        self.set_want(channel, node, before + credit)

    def set_want(self, channel: str, node: str, credit: int) -> None:
        """How many messages of a channel a node can take."""
        if credit > 0:
            self.wants[channel][node] = credit
        else:
            self.wants[channel].pop(node, None)
        self.changed_wants.add((channel, node))

    def deal(self, channel: str) -> None:
        """Give queued messages to the nodes that want some, by chance.

        One that could take all shall not: others may have more time for each.
        """
        queue, wants = self.queues[channel], self.wants[channel]
        while wants and (left := queue.at_hand()):
            id = random.choice(list(wants))
            node = self.nodes.get(id)
            if node is None or not self.lives(node):
                self.set_want(channel, id, 0)
                continue
            n = min(wants[id], -(-left // len(wants)), DEALT_AT_ONCE)
            dealt = self._deal_to(node, channel, [queue.take() for _ in range(n)])
            self.set_want(channel, id, wants[id] - dealt)
        if wants and queue.unseen:
            self.undealt.add(channel)
        queue.row.changed = True

    def _deal_to(self, node: NodeRow, channel: str, messages: list[Stored]) -> int:
        fresh = [stored for stored in messages if stored[0] > self.now - self.options.expiry_ms]
        self.figures["d:expired"] += len(messages) - len(fresh)
        for sent, body in fresh:
            self.entry(node, NORMAL + channel, stamped(sent, body))
        if fresh:
            self.add_count(NORMAL + channel, node.id, len(fresh))
        return len(fresh)

    # -- groups -----------------------------------------------------------------------

    def join(self, group: str, node: str, channel: str, lasts_ms: int | None) -> None:
        """List a channel in a group until the end of its membership."""
        ends = NEVER if lasts_ms is None else self.now + lasts_ms
        self.members[group, channel] = (node, ends)
        if not node:
            self.normal_members[group][channel] = None

    def leave(self, group: str, channel: str) -> None:
        """List a channel no more."""
        self.members[group, channel] = None
        self.normal_members[group].pop(channel, None)

    def set_group_node(self, group: str, node: str, turn: int | None) -> None:
        """A node has channels in a group since its ``turn``; None: it has none."""
        if turn is None:
            self.group_nodes[group].pop(node, None)
        else:
            self.group_nodes[group][node] = turn
        self.changed_group_nodes.add((group, node))

    # -- what to write --------------------------------------------------------------------

    def inbox_rows(self) -> list[tuple[str, int, int, bytes]]:
        """The new entries as rows of the inbox; the nodes' rows agree."""
        rows = []
        for id, flat in self.entries.items():
            node = self.nodes[id]
            node.changed = True
            for part in self.packs(flat):
                node.last_id += 1
                rows.append((id, node.last_id, self.now, ormsgpack.packb(part)))
        return rows

    def packs(self, flat: list[bytes]) -> Iterable[list[bytes]]:
        """Parts that fit a row each, pairs left together."""
        first = size = 0
        for i in range(0, len(flat), 2):
            length = len(flat[i]) + len(flat[i + 1]) + 8
            if size and size + length > self._row_bytes:
                yield flat[first:i]
                first, size = i, 0
            size += length
        yield flat[first:]
