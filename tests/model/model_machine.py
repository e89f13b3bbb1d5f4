"""The contract as a state machine: calls at random, by every face of several nodes.

After each step what was received is held against the ledger; at the end all that is
still owed must come, and the counters of drops must explain all that doesn't. No rule has
a precondition: what a store did in time must not decide which calls are drawn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from model_backends import MARGIN
from model_example import CAPACITY, NORMAL, Example
from model_ledger import Fate, Ledger, Span
from model_nodes import FACES, PATIENCE, LocalNode, RemoteNode, Waiter, send_and_cancel

from fairway.errors import ChannelFull, LayerClosed

GROUPS = ("chat", "news")
LONG = 86400.0
MOST_CHANNELS = 3

#: Small numbers that stand for one of what there is.
which = st.integers(0, 11)
faces = st.sampled_from(FACES)
loops = st.integers(0, 1)


class LayerMachine(Example):
    """The calls of the contract, and what ends nodes."""

    # -- the example's frame ------------------------------------------------------------

    @initialize(
        short=st.sampled_from(["", "", "", "", "", "", "never", "expiry", "group_expiry"]),
        child=st.sampled_from([False, False, False, True]),
        settled=st.booleans(),
    )
    def begin(self, short: str, child: bool, settled: bool) -> None:
        backend = self.backend
        expiry = backend.short if short == "expiry" or not backend.slow else 3600.0
        group_expiry = {"group_expiry": backend.short, "never": None}.get(short, LONG)
        self.ledger = Ledger(expiry, group_expiry, lambda: backend.margin)
        self.sleepy = short in ("expiry", "group_expiry") or not backend.slow
        self.settled = settled
        bounds: dict[str, Any] = {"expiry": expiry, "group_expiry": group_expiry, **CAPACITY}
        child = child and backend.has_children
        if backend.has_children:
            bounds |= {"heartbeat": 0.3, "lease": 3.0} if child else {"heartbeat": 0.5}
        with self.step(f"begin {bounds}"):
            backend.begin(**bounds)
            self.locals = [self._make_local(), self._make_local()]
            if child:
                self.remote = RemoteNode(backend.child(), backend.layer_class, backend.config())
            self.drops = self._count_drops()

    def _make_local(self) -> LocalNode:
        layer = self.backend.make()
        if self.settled and self.backend.has_children:
            layer.store.options.settling = 0.0  # type: ignore[attr-defined]
        return LocalNode(layer, self.loops)

    # -- channels -----------------------------------------------------------------------

    @rule(node=which, prefix=st.sampled_from(["specific", "vip"]), face=faces)
    def new_channel(self, node: int, prefix: str, face: str) -> None:
        chosen = self.node(node)
        if len(chosen.channels) < MOST_CHANNELS:
            with self.step(f"new_channel of {chosen.id} by {face}"):
                chosen.channels.append(chosen.call(face, "new_channel", prefix))

    @rule(node=which, channel=which, loop=loops)
    def forget_channel(self, node: int, channel: int, loop: int) -> None:
        chosen = self.local(node)
        names = [name for name in chosen.channels if not self.listening(name)]
        if names:
            name = names[channel % len(names)]
            with self.step(f"forget_channel {name}"):
                chosen.call(f"loop {loop}", "forget_channel", name)
                chosen.channels.remove(name)
                for group in GROUPS:
                    self.ledger.leave(group, name)
                copies = self.ledger.channels[name]
                self.ledger.demote(copies, Fate.COUNTED)
                self.ledger.demote([copy for copy in copies if copy.group], Fate.FREE)

    # -- sending --------------------------------------------------------------------------

    @rule(node=which, channel=which, face=faces)
    def send(self, node: int, channel: int, face: str) -> None:
        chosen, name = self.node(node), self.channel(channel)
        n = next(self.numbers)
        with self.step(f"send {n} to {name} by {chosen.id}, {face}"):
            full, room = self.surely_full(name), self.room(name)
            end = time.monotonic() + PATIENCE
            while not (sent := self._try_to_send(chosen, face, name, n)) and room > 0:
                assert time.monotonic() < end, (
                    f"{name} stays full, though it has room for {room}: {self._figures(name)}"
                )
                self.harvest()
            if sent:
                assert not full or not self.is_exact(name), f"{name} was full, and took {n}"
                self.ledger.add(n, name, sent, Fate.SURE if room > 0 else Fate.COUNTED)
                self._doubt_if_dealt_to_the_dead(name)

    def _try_to_send(
        self, node: LocalNode | RemoteNode, face: str, channel: str, n: int
    ) -> Span | None:
        try:
            _, span = self.timed(lambda: node.call(face, "send", channel, {"n": n, "to": channel}))
        except ChannelFull:
            return None
        return span

    @rule(node=which, channel=which, loop=loops, count=st.integers(2, 5),
          turns=st.sampled_from([1, 0, 2, 3, 5, 8, 13, 21, 40]),
          cancelled=st.lists(which, max_size=3))  # fmt: skip
    def send_and_cancel(
        self, node: int, channel: int, loop: int, count: int, turns: int, cancelled: list[int]
    ) -> None:
        """Several sends at once, and receives cancelled in the instant they arrive."""
        chosen, name = self.local(node), self.channel(channel)
        waiting = [w for w in self.waiters if w.loop == loop]
        leaving = list({waiting[i % len(waiting)]: None for i in cancelled}) if waiting else []
        numbers = [next(self.numbers) for _ in range(count)]
        what = f"{count} sends to {name}: {numbers}, {turns} turns, {len(leaving)} cancelled"
        with self.step(what):
            full, room, listened = self.surely_full(name), self.room(name), self.listening(name)
            calls = [chosen.layer.send(name, {"n": n, "to": name}) for n in numbers]
            outcomes, span = self.timed(
                lambda: self.loops.run(loop, send_and_cancel(calls, leaving, turns))
            )
            taken = [n for n, outcome in zip(numbers, outcomes, strict=True) if outcome is None]
            errors = [e for e in outcomes if e is not None and not isinstance(e, ChannelFull)]
            assert not errors, errors
            if self.is_exact(name) and not listened:
                assert not (full and taken), f"{name} was full, and took {taken}"
            for place, n in enumerate(taken):
                self.ledger.add(n, name, span, Fate.SURE if place < room else Fate.COUNTED)
            self._doubt_if_dealt_to_the_dead(name)

    def _doubt_if_dealt_to_the_dead(self, channel: str) -> None:
        """What the store sends before it hears that a process died, may die with it."""
        if "!" not in channel and self.backend.now() - self.killed_at < MARGIN:
            self.ledger.demote(self.ledger.channels[channel], Fate.COUNTED)

    # -- receiving ------------------------------------------------------------------------

    @rule(node=which, channel=which, many=st.booleans(), face=faces,
          timeout=st.sampled_from([0, 0, 0.001, 0.02]))  # fmt: skip
    def receive(self, node: int, channel: int, many: bool, face: str, timeout: float) -> None:
        chosen = self.node(node)
        names = self.readable(chosen, channel, many)
        with self.step(f"receive {names} at {chosen.id} by {face}, {timeout} s"):
            self.receive_at(chosen, names, face, timeout)

    @rule(node=which, channel=which, face=faces)
    def receive_what_is_owed(self, node: int, channel: int, face: str) -> None:
        chosen = self.node(node)
        if not chosen.channels:
            return
        name = chosen.channels[channel % len(chosen.channels)]
        if self.listening(name) or not self.ledger.unread([name], self.backend.now(), Fate.SURE):
            return
        if self.sleepy and self.backend.slow:
            return
        with self.step(f"receive from {name} what is owed, by {face}"):
            assert self.receive_at(chosen, [name], face, PATIENCE / 2), f"{name} is silent"

    @rule(node=which, channel=which, many=st.booleans(), loop=loops,
          timeout=st.sampled_from([None, None, 0.001, 0.01, 0.05]))  # fmt: skip
    def wait(self, node: int, channel: int, many: bool, loop: int, timeout: float | None) -> None:
        chosen = self.local(node)
        names = self.readable(chosen, channel, many)
        with self.step(f"wait for {names} at {chosen.id} in loop {loop}, {timeout} s"):
            others = self._disturb(names)
            waiter = Waiter(chosen, names, self.loops, loop, timeout, self.backend.now)
            waiter.alone = not others
            self.waiters.append(waiter)

    @rule(chosen=st.lists(which, min_size=1, max_size=4))
    def cancel(self, chosen: list[int]) -> None:
        if not self.waiters:
            return
        waiters = list({self.waiters[i % len(self.waiters)]: None for i in chosen})
        with self.step(f"cancel {len(waiters)} receives"):
            self.stop(waiters)

    @rule(node=which, channel=which, readers=st.integers(1, 3), loop=loops, count=st.integers(2, 4),
          turns=st.sampled_from([1, 2, 3, 5, 8, 13, 21, 40]), sender=which)  # fmt: skip
    def rush(
        self, node: int, channel: int, readers: int, loop: int, count: int, turns: int, sender: int
    ) -> None:
        """Several wait for one channel, and are cancelled while messages arrive."""
        chosen = self.local(node)
        (name,) = self.readable(chosen, channel, many=False)
        for _ in range(readers):
            self.wait(node, channel, False, loop, None)
        here = [waiter for waiter in self.waiters if waiter.loop == loop]
        leaving = [here.index(waiter) for waiter in here if name in waiter.channels]
        self.send_and_cancel(sender, self.index(name), loop, count, turns, leaving)

    # -- groups ---------------------------------------------------------------------------

    @rule(node=which, group=st.sampled_from(GROUPS), channel=which, face=faces)
    def group_add(self, node: int, group: str, channel: int, face: str) -> None:
        chosen, name = self.node(node), self.channel(channel)
        with self.step(f"group_add {name} to {group} by {chosen.id}, {face}"):
            _, span = self.timed(lambda: chosen.call(face, "group_add", group, name))
            self.ledger.join(group, name, span)
            if "!" in name and name not in chosen.channels:
                self.told.add((group, name))
            elif chosen.id in self.to_hear:
                self.ledger.doubt([name])

    @rule(node=which, group=st.sampled_from(GROUPS), channel=which, face=faces)
    def group_discard(self, node: int, group: str, channel: int, face: str) -> None:
        chosen, name = self.node(node), self.channel(channel)
        with self.step(f"group_discard {name} from {group} by {chosen.id}, {face}"):
            chosen.call(face, "group_discard", group, name)
            self.ledger.leave(group, name)
            self._has_to_tell(chosen, [node for node in self.nodes if name in node.channels])

    @rule(node=which, group=st.sampled_from(GROUPS), face=faces)
    def group_send(self, node: int, group: str, face: str) -> None:
        chosen, n = self.node(node), next(self.numbers)
        with self.step(f"group_send {n} to {group} by {chosen.id}, {face}"):
            rooms = {name: self._group_room(name) for name in self.ledger.groups[group]}
            _, span = self.timed(
                lambda: chosen.call(face, "group_send", group, {"n": n, "to": group})
            )
            sure, maybe = self.ledger.members(group, span)
            for name in sorted(maybe):
                fate = Fate.FREE if name not in sure else rooms[name]
                self.ledger.add(n, name, span, fate, group)

    @rule(
        group=st.sampled_from(GROUPS),
        channel=which,
        calls=st.lists(st.tuples(st.sampled_from("+->"), which, faces), min_size=2, max_size=5),
    )
    def change_group(self, group: str, channel: int, calls: list[tuple[str, int, str]]) -> None:
        """A channel joins and leaves a group to which is sent meanwhile, by whomever."""
        for kind, node, face in calls:
            if kind == "+":
                self.group_add(node, group, channel, face)
            elif kind == "-":
                self.group_discard(node, group, channel, face)
            else:
                self.group_send(node, group, face)

    def _has_to_tell(
        self, teller: LocalNode | RemoteNode, told: Sequence[LocalNode | RemoteNode]
    ) -> None:
        """A node hears a little later what another one did to its memberships, and can't tell
        then whether what itself did meanwhile came before or after."""
        if self.backend.has_children:
            self.to_hear |= {node.id for node in told if node is not teller}

    def _group_room(self, name: str) -> Fate:
        if not any(name in node.channels for node in self.nodes) and "!" in name:
            return Fate.FREE
        room = self.room(name)
        if "!" not in name:  # what was received may not be known at the store yet
            room = self.capacity(name) - len(self.ledger.channels[name])
        return Fate.SURE if room > 0 else Fate.COUNTED

    @rule(node=which, group=st.sampled_from(GROUPS), face=faces)
    def group_channels(self, node: int, group: str, face: str) -> None:
        chosen = self.node(node)
        with self.step(f"group_channels of {group} by {chosen.id}, {face}"):
            self._eventually(lambda: self._lists_members(chosen, group, face))

    def _lists_members(self, node: LocalNode | RemoteNode, group: str, face: str) -> str | None:
        found, span = self.timed(lambda: node.call(face, "group_channels", group))
        sure, maybe = self.ledger.members(group, span)
        allowed = maybe | {name for told, name in self.stale if told == group}
        if sure <= set(found) <= allowed and len(found) == len(set(found)):
            return None
        return f"{group} has {sorted(found)}, not {sorted(sure)} to {sorted(maybe)}"

    # -- ends ---------------------------------------------------------------------------------

    @rule(node=which, face=st.sampled_from(FACES[:3]))
    def close(self, node: int, face: str) -> None:
        chosen = self.local(node)
        with self.step(f"close {chosen.id} by {face}"):
            own = [waiter for waiter in self.waiters if waiter.node is chosen]
            chosen.call(face, "close")
            self._await_dismissal(own)
            self._node_ended(chosen)
            if self.settled and self.backend.has_children:
                chosen.layer.store.options.settling = 0.0  # type: ignore[attr-defined]

    def _await_dismissal(self, waiters: Sequence[Waiter]) -> None:
        """A receive of a layer that closed says so, unless its message came first."""

        async def ended(waiter: Waiter) -> None:
            await asyncio.wait([waiter.task])

        if self.backend.has_children:
            for waiter in waiters:
                self.loops.run(waiter.loop, ended(waiter))
        else:  # the store goes on, for the other nodes
            self.stop(waiters)
        for waiter in waiters:
            if not waiter.task.cancelled() and isinstance(waiter.task.exception(), LayerClosed):
                self.waiters.remove(waiter)
        self.harvest()

    def _node_ended(self, node: LocalNode | RemoteNode) -> None:
        """Its channels are nobody's any more."""
        for name in node.channels:
            copies = self.ledger.channels[name]
            self.ledger.demote(copies, Fate.COUNTED)
            self.ledger.demote([copy for copy in copies if copy.group], Fate.FREE)
            for group in GROUPS:
                self.ledger.leave(group, name)
        node.channels = []

    @rule(receiving=st.booleans(), channel=which)
    def kill(self, receiving: bool, channel: int) -> None:
        """kill -9 of the child process, in the middle of a receive or not."""
        remote = self.remote
        if remote is None:
            return
        with self.step(f"kill {remote.id}, {'receiving' if receiving else 'idle'}"):
            own = list(remote.channels)
            if receiving:
                names = self.readable(remote, channel, True)
                remote.tell("receive_many", names, timeout=PATIENCE)
                self.ledger.demote(self.ledger.unread(names, 0, Fate.SURE), Fate.FREE)
            remote.kill()
            self.ledger.doubt(own)
            groups = {name: dict(members) for name, members in self.ledger.groups.items()}
            self._node_ended(remote)
            # Until it is buried, it may still be listed.
            for group, members in groups.items():
                left = {name: span for name, span in members.items() if name in own}
                self.ledger.groups[group].update(left)
            # Of what found no room it may not have told the store yet.
            refused = self.ledger.unread(NORMAL, self.backend.now(), Fate.COUNTED)
            self.ledger.demote([copy for copy in refused if copy.group], Fate.FREE)
            taken = self.ledger.unread(NORMAL, self.backend.now(), Fate.SURE)
            self.ledger.demote(taken, Fate.COUNTED)
            self.remote, self.killed_at = None, self.backend.now()

    @rule(node=which, face=faces)
    def flush(self, node: int, face: str) -> None:
        chosen = self.node(node)
        with self.step(f"flush by {chosen.id}, {face}"):
            chosen.call(face, "flush")
            self.ledger.demote(list(self.ledger.copies.values()), Fate.FREE)
            self.ledger.groups.clear()
            self.was_flushed = True
            self._has_to_tell(chosen, self.nodes)
            # Its node may have been about to confirm to the store what another node added.
            self.stale |= self.told

    @rule(part=st.sampled_from([0.1, 0.5, 1, 2]))
    def let_time_pass(self, part: float) -> None:
        if not self.sleepy or (self.passed and self.backend.slow):
            return
        seconds = part * self.backend.short + (self.backend.margin if part >= 1 else 0)
        with self.step(f"let {seconds} s pass"):
            self.backend.let_pass(seconds)
            self.passed = self.passed or part >= 1
