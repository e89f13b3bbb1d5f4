"""One transaction: lock and read, decide, write. Repeated while others are in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeVar

from ..core.envelope import NORMAL
from ..errors import OutcomeUnknown
from .connection import Connection
from .faults import Broken, Conflict
from .options import LinkOptions
from .rows import ChannelRow, NodeRow, Queue, new_node
from .state import FIGURES_KEPT_MS, Needs, State
from .statements import Call

T = TypeVar("T")

#: Seconds between attempts: the first pause, and the longest.
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.01
#: Values and bytes that one statement takes at the most.
_NAMES_AT_ONCE = 2000
_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 4 * 1024 * 1024


class Transactions:
    """Carries out transactions on one connection.

    ``wake`` is the name under which the server wakes a node, where servers do that;
    ``wake_own`` wakes our own node's reader.
    """

    def __init__(
        self,
        connection: Connection,
        options: LinkOptions,
        wake: Callable[[str], str],
        wake_own: Callable[[], None] = lambda: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.connection = connection
        self.options = options
        self._wake = wake
        self._wake_own = wake_own
        self._clock = clock
        self._sleep = sleep

    def change(self, needs: Needs, decide: Callable[[State], T]) -> T:
        """What ``decide`` returns, once what it did to the state is stored.

        ``decide`` may be called again with another state, if others were in the way. Raises
        :class:`StoreUnavailable`: nothing was stored; :class:`OutcomeUnknown`: who knows.
        """

        def attempt() -> T:
            state = self._load(needs)
            result = decide(state)
            self._store(state)
            if self.options.node in state.entries:
                self._wake_own()
            return result

        return self.patiently(attempt)

    def patiently(self, attempt: Callable[[], T]) -> T:
        """Try until others are not in the way, for some time; whatever fails is rolled back."""
        pause = _FIRST_PAUSE
        deadline = self._clock() + self.options.patience
        while True:
            try:
                return attempt()
            except Conflict:
                self.connection.rollback()
                if self._clock() > deadline:
                    raise
            except BaseException:
                self.connection.rollback()
                raise
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    # -- reading ------------------------------------------------------------------------

    def _load(self, needs: Needs) -> State:
        while True:
            state = self._read(needs)
            missing_nodes = needs.nodes - state.nodes.keys()
            missing_channels = needs.channels - state.queues.keys()
            if not missing_nodes and not missing_channels:
                break
            # Outside of the transaction: to wait for others here could end in a deadlock.
            self.connection.rollback()
            self._ensure(state, missing_nodes, missing_channels)
        for id in needs.nodes:
            self._purge(state, state.nodes[id])
        self._read_queues(state, needs)
        return state

    def _purge(self, state: State, node: NodeRow) -> None:
        """Nobody reads the inbox of a node without a lease, so nobody but us expires it."""
        if node.lease or node.kept >= state.now:
            return
        counted, *_ = self.connection.run(
            ("unread_of_node", node.id), ("drop_inbox_of_node", node.id),
            ("drop_counts_of_node", node.id),
        )  # fmt: skip
        state.figures["d:expired"] += int(counted[0][0] or 0)
        for of_field in state.counts.values():
            of_field.pop(node.id, None)
        node.kept = state.now + self.options.expiry_ms
        node.changed = True

    def _read(self, needs: Needs) -> State:
        calls: list[Call] = [("begin",)]
        channels, groups = sorted(needs.channels), sorted(needs.groups)
        if channels:
            calls += [("lock_channels", channels), ("wants", channels)]
        if groups:
            # Before the nodes: whoever joins meanwhile stands in neither.
            calls += [("group_nodes", groups), ("normal_members", groups)]
        nodes = sorted(needs.nodes | needs.nodes_if_there)
        if channels or groups:
            calls.append(("lock_nodes_of", channels or [""], groups or [""], nodes or [""]))
        elif nodes:
            calls.append(("lock_nodes", nodes))
        fields = needs.fields.union(NORMAL + channel for channel in channels)
        calls += [("counts", part) for part in parts(sorted(fields), _NAMES_AT_ONCE)]
        if self.connection.features.together:  # else asked for only where there is a queue
            calls += [_head_call(*item) for item in sorted(needs.credits.items())]
        calls.append(("now",))
        return self._state(calls, self.connection.run(*calls))

    def _state(self, calls: Sequence[Call], answers: Sequence[Any]) -> State:
        state = State(self.options, self.connection.features.row_bytes)
        for (name, *parameters), answer in zip(calls, answers, strict=True):
            if name == "now":
                state.now = int(answer[0][0])
            elif name == "counts":
                for field, node, n in answer:
                    state.counts[field][node] = n
            elif name in ("lock_nodes", "lock_nodes_of"):
                state.nodes = {row[0]: NodeRow(*row) for row in answer}
            elif name == "lock_channels":
                state.queues = {row[0]: Queue(ChannelRow(*row)) for row in answer}
            elif name == "wants":
                for channel, node, credit in answer:
                    state.wants[channel][node] = credit
                    state.stored_wants.add((channel, node))
            elif name == "group_nodes":
                for group, node, turn in answer:
                    state.group_nodes[group][node] = turn
            elif name == "queue_head" and answer and parameters[0] in state.queues:
                state.queues[parameters[0]].saw(answer)
            elif name == "normal_members":
                for group, channel in answer:
                    state.normal_members[group][channel] = None
        return state

    def _ensure(self, state: State, nodes: set[str], channels: set[str]) -> None:
        now, kept = state.now, state.now + self.options.expiry_ms
        calls: list[Call] = []
        if nodes:
            rows = [new_node(id, now, lease=0, kept=kept).values() for id in sorted(nodes)]
            calls += [("ensure_nodes", part) for part in parts(rows, _ROWS_AT_ONCE)]
        if channels:
            due = now + FIGURES_KEPT_MS
            made = [ChannelRow(name, 1, 0, 0, due, now, 0, 0).values() for name in sorted(channels)]
            calls += [("ensure_channels", part) for part in parts(made, _ROWS_AT_ONCE)]
        self.connection.run(*calls)

    def _read_queues(self, state: State, needs: Needs) -> None:
        """Drop what expired, and read as much of each queue as may be dealt."""
        for channel, queue in state.queues.items():
            if queue.row.queued and queue.row.due <= state.now:
                self._expire(state, queue)
            credit = sum(state.wants[channel].values()) + needs.credits.get(channel, 0)
            if queue.row.queued and credit and queue.read_id is None:
                (rows,) = self.connection.run(_head_call(channel, credit))
                queue.saw(rows)

    def _expire(self, state: State, queue: Queue) -> None:
        row = queue.row
        cutoff = state.now - self.options.expiry_ms
        ((gone,),), _, ((oldest,),) = self.connection.run(
            ("expired_of_queue", row.name, cutoff),
            ("expire_queue", row.name, cutoff),
            ("queue_oldest", row.name),
        )
        queue.expired(int(gone), cutoff)
        state.figures["d:expired"] += int(gone)
        used_until = row.used + FIGURES_KEPT_MS
        row.due = used_until if oldest is None else oldest + self.options.expiry_ms
        row.changed = True

    # -- writing ------------------------------------------------------------------------

    def _store(self, state: State) -> None:
        calls = [*self._changes(state), ("commit",)]
        connection = self.connection
        if connection.features.together:
            self._finish(calls)
        else:
            if len(calls) > 1:
                connection.run(*calls[:-1])
            self._finish(calls[-1:])

    def _finish(self, calls: Sequence[Call]) -> None:
        try:
            self.connection.run(*calls)
        except Broken as error:
            raise OutcomeUnknown(
                f"the connection broke at the end of a transaction: {error}"
            ) from (error)

    def _woken(self, state: State) -> list[str]:
        """Other nodes that read all they had: those with entries left were woken before."""
        if not self.connection.features.notifies:
            return []
        nodes = [state.nodes[id] for id in state.entries if id != self.options.node]
        return [node.id for node in nodes if node.last_id == node.read_id and node.lease]

    def _changes(self, state: State) -> list[Call]:
        calls: list[Call] = []
        woken = self._woken(state)
        calls += state.first
        inbox = state.inbox_rows()
        size = self.connection.features.row_bytes
        queued = [row for queue in state.queues.values() for row in queue.new_rows(size)]
        for name, queue in state.queues.items():
            if queue.taken:
                calls.append(("drop_queued", name, queue.read_id))
        calls += _puts(
            "put_channels", [q.row.values() for q in state.queues.values() if q.row.changed]
        )
        calls += _puts(
            "put_nodes", [node.values() for node in state.nodes.values() if node.changed]
        )
        calls += _puts("put_counts", _counts(state))
        calls += _wants(state)
        calls += _memberships(state)
        calls += _bulky("put_queue", queued)
        calls += _bulky("put_inbox", inbox)
        figures = sorted((name, n) for name, n in state.figures.items() if n)
        calls += _puts("add_figures", figures)
        calls += [("notify", self._wake(id)) for id in woken]
        return calls


def _head_call(channel: str, credit: int) -> Call:
    """Reads the rows that hold a channel's first messages; a row holds one at least."""
    return ("queue_head", channel, credit, credit)


def _puts(name: str, rows: Sequence[tuple[Any, ...]]) -> list[Call]:
    return [(name, part) for part in parts(rows, _ROWS_AT_ONCE)]


def _counts(state: State) -> list[tuple[str, str, int]]:
    return [
        (field, node, state.counts[field].get(node, 0))
        for field, node in sorted(state.changed_counts)
    ]


def _wants(state: State) -> list[Call]:
    put, calls = [], []
    for channel, node in sorted(state.changed_wants):
        credit = state.wants[channel].get(node)
        if credit is None and (channel, node) not in state.stored_wants:
            continue  # dealt at once
        if credit is None:
            calls.append(("drop_wants", channel, [node]))
        else:
            put.append((channel, node, credit))
    return [*calls, *_puts("put_wants", put)]


def _memberships(state: State) -> list[Call]:
    calls: list[Call] = []
    gone: dict[str, list[str]] = {}
    listed = []
    for (group, channel), member in sorted(state.members.items(), key=lambda item: item[0]):
        if member is None:
            gone.setdefault(group, []).append(channel)
        else:
            listed.append((group, member[0], channel, member[1]))
    for group, channels in gone.items():
        calls += [("drop_members", group, part) for part in parts(channels, _NAMES_AT_ONCE)]
    calls += _puts("put_members", listed)
    joined = []
    for group, node in sorted(state.changed_group_nodes):
        turn = state.group_nodes[group].get(node)
        if turn is None:
            calls.append(("drop_group_node", group, node))
        else:
            joined.append((group, node, turn))
    return [*calls, *_puts("put_group_nodes", joined)]


def _bulky(name: str, rows: Sequence[tuple[Any, ...]]) -> list[Call]:
    """:func:`_puts` for rows that end with a body."""
    calls: list[Call] = []
    part: list[tuple[Any, ...]] = []
    volume = 0
    for row in rows:
        if part and (len(part) >= _ROWS_AT_ONCE or volume + len(row[-1]) > _BYTES_AT_ONCE):
            calls.append((name, part))
            part, volume = [], 0
        part.append(row)
        volume += len(row[-1])
    return [*calls, (name, part)] if part else calls


def parts(items: Sequence[T], size: int) -> list[list[T]]:
    """``items`` in lists of at most ``size``."""
    iterator = iter(items)
    return [list(islice(iterator, size)) for _ in range(-(-len(items) // size))]
