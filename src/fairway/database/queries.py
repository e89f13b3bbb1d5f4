"""The questions that the engine puts to a shard, in the database's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.envelope import ECHO, FLUSH
from ..names import Address
from ..types import Statistics
from .burial import bury
from .decide import count_field
from .entries import Unread
from .figures import channel_figures, figures_of_all
from .state import FIGURES_KEPT_MS, Needs, State
from .transaction import Transactions

#: How far the inbox was read: the node's row, and the entry.
Cursor = tuple[int, int]

#: The beginning of an inbox.
START: Cursor = (0, 0)

_EMPTIES = ("inbox", "counts", "wants", "members", "group_nodes", "figures", "samples")


class DatabaseQueries:
    """One method for each verb. All raise :class:`StoreUnavailable`."""

    def __init__(self, transactions: Transactions):
        self._transactions = transactions
        self._run = transactions.connection.run
        self._options = transactions.options
        self._own = self._options.node
        self._verbs: dict[str, Callable[..., Any]] = {
            "heartbeat": self.heartbeat,
            "survey": self.survey,
            "echo": self.echo,
            "count_drops": self.count_drops,
            "tidy": self.tidy,
            "undealt": self.undealt,
            "bury": self.bury,
            "deal": self.deal,
            "fill": self.fill,
            "resync": self.resync,
            "leave_store": self.leave_store,
            "group_channels": self.group_channels,
            "statistics": self.statistics,
            "flush": self.flush,
        }

    def answer(self, verb: str, arguments: Sequence[Any]) -> Any:
        """The answer to a question of the engine's."""
        return self._verbs[verb](*arguments)

    # -- the node's life ----------------------------------------------------------------

    def heartbeat(
        self, of_groups: int, news: Mapping[str, int]
    ) -> tuple[bool, int, list[str], list[str]]:
        """Renew the lease: was it there, the time, dead nodes, channels to tidy."""

        def decide(state: State) -> tuple[bool, int]:
            node = state.nodes[self._own]
            known = bool(node.known) and node.lease >= state.now
            node.lease = node.kept = state.now + self._options.lease_ms
            node.known, node.changed = 1, True
            state.counts["@"][self._own] = of_groups
            state.changed_counts.add(("@", self._own))
            state.figures.update({f"d:{cause}": number for cause, number in news.items()})
            return known, state.now

        known, now = self._transactions.change(Needs(nodes={self._own}), decide)
        self._alone("tidy_counts", self._own)
        self._alone("tidy_members", now)
        return known, now, *self._overdue(now)

    def survey(self) -> tuple[list[str], list[str]]:
        """Dead nodes, and channels to tidy."""
        ((now,),) = self._alone("now")
        return self._overdue(int(now))

    def echo(self, token: str) -> None:
        """Write a token into this node's inbox, behind all that is there."""

        def decide(state: State) -> None:
            state.entry(state.nodes[self._own], ECHO + token, b"")

        self._transactions.change(Needs(nodes={self._own}), decide)

    def count_drops(self, news: Mapping[str, int]) -> None:
        """Add to the store's counters of drops."""
        rows = sorted((f"d:{cause}", number) for cause, number in news.items())
        self._alone("add_figures", rows)

    def tidy(self, channels: Sequence[str]) -> None:
        """Drop expired messages of these normal channels, and forget those long unused."""

        def decide(state: State) -> None:
            for name, queue in state.queues.items():
                row = queue.row
                if len(queue):
                    continue
                row.due, row.changed = row.used + FIGURES_KEPT_MS, True
                if row.due <= state.now:
                    row.changed = False
                    state.figures["m:gone"] += row.sent
                    state.figures["f:gone"] += row.filled
                    state.first.append(("drop_channel", name))

        self._transactions.change(Needs(channels=set(channels)), decide)

    def undealt(self, node: str) -> list[str]:
        """Normal channels of which a dead node was dealt messages that it never read."""
        rows = self._alone("reading", node)
        if not rows:
            return []
        entries = self._alone("inbox_after", node, rows[0][2])
        return list(Unread(entries).dealt)

    def bury(self, node: str, channels: Sequence[str]) -> None:
        """Forget a node whose lease lapsed."""
        bury(self._transactions, node, {channel: [] for channel in channels}, None)

    def leave_store(
        self, cursor: Cursor, returned: Mapping[str, Sequence[tuple[int, bytes]]]
    ) -> None:
        """Forget this node, and return what it took of normal channels."""
        bury(self._transactions, self._own, returned, cursor)

    def deal(self, channel: str) -> None:
        """Deal what came back to a channel to whoever waits for some."""
        more = {channel}
        while more:
            more = self._transactions.change(Needs(channels=more), deal_all)

    def fill(self, channel: str, number: int) -> None:
        """Count messages of groups, which fill a channel of this node, as others."""

        def decide(state: State) -> None:
            state.add_count(channel, self._own, number)

        self._transactions.change(Needs(nodes={self._own}, fields={channel}), decide)

    def resync(self, cursor: Cursor, unread: Mapping[str, int]) -> None:
        """Say what waits in this node, after acknowledgements may have been lost."""

        def decide(state: State) -> None:
            counts = dict.fromkeys((field for field, _ in self._run(("counts_of_node", own))[0]), 0)
            for name, number in unread.items():
                counts[count_field(name)] = number
            (entries,) = self._run(("inbox_after", own, cursor[1]))
            for field, number in Unread(entries).counted.items():
                counts[field] = counts.get(field, 0) + number
            for field, number in counts.items():
                state.counts[field][own] = number
                state.changed_counts.add((field, own))

        own = self._own
        self._transactions.change(Needs(nodes={own}), decide)

    def _overdue(self, now: int) -> tuple[list[str], list[str]]:
        """Dead nodes, whose lease lapsed in a time when others were heard; channels to tidy."""
        dead = []
        if now - self._heard_since(now) >= self._options.lease_ms:
            dead = [id for (id,) in self._alone("overdue_nodes", now)]
        return dead, [name for (name,) in self._alone("overdue_channels", now)]

    def _heard_since(self, now: int) -> int:
        """Since when somebody was heard here without a long gap. Where nobody was, the store

        itself was away, and a lease that lapsed meanwhile says nothing about its node. Where
        somebody will have been, its clock was set back.
        """
        times = dict(self._alone("heard"))
        since = times.get("since", now)
        if not 0 <= now - times.get("heard", now) <= self._options.lease_ms / 2:
            since = now
        self._alone("put_figures", [("heard", now), ("since", since)])
        return int(since)

    # -- what users ask -------------------------------------------------------------------

    def group_channels(self, group: str) -> list[str]:
        """The channels of a group."""
        return [name for (name,) in self._alone("group_channels", group)]

    def statistics(self, address: Address | None) -> Statistics:
        """Figures of the store, or of one channel in it."""
        if address is None:
            return figures_of_all(self._alone)
        return channel_figures(self._alone, address)

    def flush(self) -> None:
        """Delete what the layer stores, but not its nodes, who are told."""
        nodes = {id for (id,) in self._alone("node_ids")}
        channels = {name for (name,) in self._alone("channel_names")}

        def decide(state: State) -> None:
            state.first += [(f"empty_{table}",) for table in _EMPTIES]
            # Only those that are locked: a channel that is new has its queue, or neither.
            locked = [*state.queues] or [""]
            state.first += [("empty_queues", locked), ("drop_channels", locked)]
            for queue in state.queues.values():
                queue.row.changed, queue.unseen = False, 0
            for node in state.nodes.values():
                node.sent = node.filled = node.grouped = 0
                node.changed = True
                if node.lease:
                    state.entry(node, FLUSH, b"")

        self._transactions.change(Needs(nodes_if_there=nodes, channels=channels), decide)

    def _alone(self, name: str, *parameters: Any) -> Any:
        """One statement, a transaction in itself."""
        call = (name, *parameters)
        return self._transactions.patiently(lambda: self._run(call)[0])


def deal_all(state: State) -> set[str]:
    """Deal what may be dealt; the channels of which there is more."""
    for channel in state.queues:
        state.deal(channel)
    return state.undealt
