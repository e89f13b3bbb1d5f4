"""One example of the model: its nodes, its ledger, and the accounts at its end."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.complaints import Complaints
from hypothesis import reject
from hypothesis.stateful import RuleBasedStateMachine
from model_backends import Backend
from model_ledger import Fate, Ledger, Span
from model_nodes import PATIENCE, LocalNode, Loops, RemoteNode, Waiter, send_and_cancel

NORMAL = ("work", "small")
CAPACITY = {"capacity": 3, "channel_capacity": {"small": 1, "vip!*": 2}}


class Example(RuleBasedStateMachine):
    """A fresh store, two nodes at first, and the ledger: what the rules work with."""

    ledger: Ledger
    #: What was counted as dropped before.
    drops: int
    #: Whether time passes for this example.
    sleepy: bool

    def __init__(self, backend: Backend, loops: Loops):
        super().__init__()
        self.backend, self.loops = backend, loops
        self.locals: list[LocalNode] = []
        self.remote: RemoteNode | None = None
        self.waiters: list[Waiter] = []
        #: Memberships that another node than the channel's own made; and those of before a flush.
        self.told: set[tuple[str, str]] = set()
        self.stale: set[tuple[str, str]] = set()
        #: Nodes to which another one may have yet to tell that a membership ended.
        self.to_hear: set[str] = set()
        self.killed_at = -math.inf
        self.story: list[str] = []
        self.numbers = iter(range(1, 1 << 30))
        self.was_flushed = self.passed = self.broken = False
        self.complaints = Complaints()
        for name in ("asyncio", "fairway"):
            logging.getLogger(name).addHandler(self.complaints)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what is done, and after it look at what came of the receives under way."""
        self.say(what)
        self.broken = True
        try:
            yield
            self.harvest()
            assert not self.complaints.heard, self.complaints.heard
        except BaseException as error:
            self.say(f"{type(error).__name__}: {error}")
            self.backend.failure = self.story
            if self.backend.was_late:
                reject()  # leases may have lapsed, and nothing can be said of what is due
            raise
        self.broken = False

    def say(self, what: str) -> None:
        """Note what happens, for the report of a failure."""
        self.story.append(f"{self.backend.now():.3f} {what}")

    def teardown(self) -> None:
        try:
            if not self.broken and self.locals:
                self.settle_accounts()
        finally:
            self._shut()

    def _shut(self) -> None:
        for waiter in self.waiters:
            self.loops.run(waiter.loop, send_and_cancel([], [waiter], 0))
        for node in self.locals:
            node.call("loop 0", "close")
        if self.remote is not None:
            self.remote.kill()
        for name in ("asyncio", "fairway"):
            logging.getLogger(name).removeHandler(self.complaints)

    # -- what there is ----------------------------------------------------------------------

    @property
    def nodes(self) -> list[LocalNode | RemoteNode]:
        return [*self.locals, *([self.remote] if self.remote else [])]

    def node(self, index: int) -> LocalNode | RemoteNode:
        return self.nodes[index % len(self.nodes)]

    def local(self, index: int) -> LocalNode:
        return self.locals[index % len(self.locals)]

    def names(self) -> list[str]:
        """The channels that somebody may read."""
        return [*NORMAL, *(name for node in self.nodes for name in node.channels)]

    def channel(self, index: int) -> str:
        names = self.names()
        return names[index % len(names)]

    def index(self, channel: str) -> int:
        return self.names().index(channel)

    def readable(self, node: LocalNode | RemoteNode, index: int, many: bool) -> list[str]:
        names = [*node.channels, *NORMAL]
        return names[index % len(names) :] if many else [names[index % len(names)]]

    def listening(self, channel: str) -> list[Waiter]:
        return [waiter for waiter in self.waiters if channel in waiter.channels]

    def timed(self, call: Callable[[], Any]) -> tuple[Any, Span]:
        began = self.backend.now()
        result = call()
        return result, (began, self.backend.now())

    def capacity(self, channel: str) -> int:
        return self.locals[0].layer.get_capacity(channel)

    def is_exact(self, channel: str) -> bool:
        """Whether one message too many is refused at once."""
        return self.backend.exact or "!" not in channel

    def surely_full(self, channel: str) -> bool:
        """Whether nothing more can fit."""
        if self.listening(channel):
            return False
        unread = self.ledger.unread([channel], self.backend.now(), Fate.SURE)
        direct = [copy for copy in unread if not copy.group]
        return len(direct) >= self.capacity(channel)

    def room(self, channel: str) -> int:
        """How many messages fit for sure, once what was received is known to be."""
        fates = (Fate.SURE, Fate.COUNTED, Fate.FREE)
        unread = self.ledger.unread([channel], self.backend.now(), *fates)
        return self.capacity(channel) - len(unread)

    # -- receiving --------------------------------------------------------------------------

    def receive_at(
        self, node: LocalNode | RemoteNode, names: Sequence[str], face: str, timeout: float
    ) -> bool:
        """Receive once, and enter it into the ledger; whether anything came."""
        alone = not self._disturb(names)
        (name, message), span = self.timed(
            lambda: node.call(face, "receive_many", names, timeout=timeout)
        )
        if name is None:
            return False
        assert name in names
        if node is self.remote:
            self.ledger.doubtful += 1
        self._enter(name, message, span, alone)
        return True

    def _disturb(self, names: Sequence[str]) -> list[Waiter]:
        """Those who wait at these channels; they are not alone any more."""
        found = [waiter for waiter in self.waiters if set(waiter.channels) & set(names)]
        for waiter in found:
            waiter.alone = False
        return found

    def _enter(self, name: str, message: Any, during: Span, alone: bool) -> None:
        copy = self.ledger.copies.get((message["n"], name))
        to = copy.group or name if copy else name
        assert message == {"n": message["n"], "to": to}, f"{name} received {message}, sent to {to}"
        in_order = alone and ("!" in name or self.backend.ordered)
        self.ledger.received(message["n"], name, during, in_order=in_order)

    def stop(self, waiters: Sequence[Waiter]) -> None:
        for index in (0, 1):
            here = [waiter for waiter in waiters if waiter.loop == index]
            self.loops.run(index, send_and_cancel([], here, 0))

    def harvest(self) -> None:
        """Enter what came to those who waited."""
        done = [waiter for waiter in self.waiters if waiter.done]
        self.waiters = [waiter for waiter in self.waiters if waiter not in done]
        for waiter in done:
            if waiter.task.cancelled():
                continue
            name, message = waiter.task.result()
            if name is not None:
                self.say(f"    came to a receive: {message['n']} from {name}")
                self._enter(name, message, (waiter.began, waiter.ended), waiter.alone)

    # -- accounts ---------------------------------------------------------------------------

    def _eventually(self, problem: Callable[[], str | None]) -> None:
        end = time.monotonic() + PATIENCE
        while found := problem():
            assert time.monotonic() < end, found

    def _figures(self, channel: str) -> object:
        return self.locals[0].call("blocking", "channel_statistics", channel)

    def _count_drops(self) -> int:
        statistics = self.locals[0].call("blocking", "global_statistics")
        return sum(statistics["drops"].values())

    def settle_accounts(self) -> None:
        """All that is owed comes, nothing else does, and the counters explain the rest."""
        with self.step("settle the accounts"):
            self.stop(self.waiters)
            self.harvest()
            self._eventually(self._unsettled)
            if not self.backend.slow:
                self.backend.let_pass(10 * self.backend.short)
            self._eventually(self._unbalanced)

    def _unsettled(self) -> str | None:
        for node in self.nodes:
            names = [*node.channels, *NORMAL]
            while self.receive_at(node, names, "loop 0", 0):
                pass
        owed = self.ledger.unread(list(self.ledger.channels), self.backend.now(), Fate.SURE)
        return f"never came: {[(copy.n, copy.channel) for copy in owed]}" if owed else None

    def _unbalanced(self) -> str | None:
        if self.was_flushed:  # what was counted before it is forgotten, or not
            return None
        self._unsettled()
        least, most = self.ledger.missing()
        counted = self._count_drops() - self.drops
        if least <= counted <= most:
            return None
        return f"{counted} drops are counted, but {least} to {most} messages are missing"
