"""What a batch does to the rows of the store, and what its callers hear. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.envelope import GROUP, JOIN, LEAVE, NORMAL
from ..core.outbox import Batch, Done, GroupSend, Membership, Release, Send, Want
from ..errors import channel_full
from .rows import NEVER
from .state import Needs, State

#: Whom to tell, and what: the result, or an error.
Outcome = tuple[Done, Any, BaseException | None]


def needs_of(batch: Batch, own: str) -> Needs:
    """What must be known to carry a batch out."""
    needs = Needs()
    needs.nodes.update(batch.to_nodes)
    needs.fields.update(name for by_name in batch.to_nodes.values() for name in by_name)
    needs.groups.update(batch.to_groups)
    needs.channels.update(channel for channel, _ in batch.to_channels)
    needs.channels.update(want.channel for want in batch.wants)
    for want in batch.wants:
        needs.credits[want.channel] += want.credit
    needs.channels.update(release.channel for release in batch.releases)
    needs.fields.update(count_field(name) for name in batch.acks)
    if batch.acks or batch.wants or batch.releases:
        needs.nodes.add(own)
    for group, changes in batch.memberships.items():
        needs.groups.add(group)
        needs.nodes.update(each.address.node for _, each in changes if each.address.node)
    return needs


def count_field(channel: str) -> str:
    """The name under which a channel's unread messages are counted."""
    return channel if "!" in channel else NORMAL + channel


class Decision:
    """Carries batches out on a state."""

    def __init__(self, state: State):
        self.state = state
        self.outcomes: list[Outcome] = []
        self._own = state.options.node

    def apply(self, batch: Batch) -> None:
        """Everything but questions."""
        self._acks(batch.acks)
        for group, changes in batch.memberships.items():
            for joins, member in changes:
                self._join(group, member) if joins else self._leave(group, member)
        for node, by_name in batch.to_nodes.items():
            self._to_node(node, by_name)
        for (channel, last), sends in batch.to_channels.items():
            self._to_channel(channel, last, sends)
        for group, messages in batch.to_groups.items():
            self._to_group(group, messages)
        for want in batch.wants:
            self._want(want)
        for release in batch.releases:
            self._release(release)

    def _tell(self, done: Done, result: Any = None, error: BaseException | None = None) -> None:
        self.outcomes.append((done, result, error))

    # -- sending ------------------------------------------------------------------------

    def _to_node(self, id: str, by_name: dict[str, list[Send]]) -> None:
        state = self.state
        node = state.nodes[id]
        crowded = self._crowded(id)
        for name, sends in by_name.items():
            before = state.counts[name].get(id, 0)
            room = 0 if crowded else max(0, min(len(sends), sends[0].capacity - before))
            if room:
                state.add_count(name, id, room)
            for send in sends[:room]:
                state.entry(node, name, send.body)
            node.sent += room
            self._tell_sends(sends, room)
            node.filled += len(sends) - room
        node.changed = True

    def _crowded(self, id: str) -> bool:
        node, options = self.state.nodes[id], self.state.options
        return node.last_id - node.read_id >= options.inbox_capacity

    def _to_channel(self, channel: str, last: bool, sends: list[Send]) -> None:
        state = self.state
        queue = state.queues[channel]
        room = max(0, min(len(sends), sends[0].capacity - state.unread(channel)))
        queue.back.extend((state.now, send.body) for send in sends[:room])
        queue.row.sent += room
        if last:
            queue.row.filled += len(sends) - room
        state.touch(queue.row)
        state.deal(channel)
        self._tell_sends(sends, room)

    def _to_group(self, group: str, messages: list[GroupSend]) -> None:
        state = self.state
        for id in state.group_nodes[group]:
            node = state.nodes.get(id)
            if node is None or not node.lease:
                continue  # buried meanwhile, or never heard of
            if self._crowded(id):
                state.figures["d:over_capacity"] += len(messages)
                node.filled += len(messages)
                node.changed = True
            else:
                node.grouped += len(messages)
                for message in messages:
                    state.entry(node, GROUP + group, message.body)
        channels = list(state.normal_members[group])
        for message in messages:
            self._tell(message.done, channels)

    def _tell_sends(self, sends: Sequence[Send], taken: int) -> None:
        for send in sends[:taken]:
            self._tell(send.done)
        for send in sends[taken:]:
            self._tell(send.done, None, channel_full(send.address.name, send.capacity))

    # -- groups -----------------------------------------------------------------------

    def _join(self, group: str, member: Membership) -> None:
        state, id = self.state, member.address.node or ""
        lasts_ms = None if member.lasts is None else math.ceil(member.lasts * 1000)
        state.join(group, id, member.address.name, lasts_ms)
        if id == self._own:
            self._live()
            before = state.group_nodes[group].get(id)
            if before is None or before == NEVER or before < member.turn:
                state.set_group_node(group, id, member.turn)
        elif id:
            # Its own next join says the turn; until then no departure ends this.
            state.set_group_node(group, id, NEVER)
            lasts = "inf" if member.lasts is None else member.lasts
            told = f"{lasts}|{member.address.name}".encode()
            state.entry(state.nodes[id], JOIN + group, told)
        self._tell(member.done)

    def _leave(self, group: str, member: Membership) -> None:
        state, id = self.state, member.address.node or ""
        state.leave(group, member.address.name)
        if id == self._own:
            joined = state.group_nodes[group].get(id)
            if member.last and joined is not None and joined <= member.turn:
                state.set_group_node(group, id, None)
        elif id:
            told = member.address.name.encode()
            state.entry(state.nodes[id], LEAVE + group, told)
        self._tell(member.done)

    # -- what our node takes --------------------------------------------------------------

    def _acks(self, acks: dict[str, int]) -> None:
        for name, number in acks.items():
            self.state.add_count(count_field(name), self._own, -number)

    def _live(self) -> None:
        """Our node does something: it lives, even before its first heartbeat."""
        state = self.state
        node = state.nodes[self._own]
        if not node.lease:
            node.lease = node.kept = state.now + state.options.lease_ms
            node.changed = True

    def _want(self, want: Want) -> None:
        self._live()
        self.state.want(want.channel, want.credit, want.anew)
        self.state.touch(self.state.queues[want.channel].row)
        self.state.deal(want.channel)
        self._tell(want.done)

    def _release(self, release: Release) -> None:
        state = self.state
        channel = release.channel
        state.set_want(channel, self._own, 0)
        if release.parcels:
            state.add_count(NORMAL + channel, self._own, -len(release.parcels))
            state.queues[channel].put_back(release.parcels)
            state.touch(state.queues[channel].row)
            state.deal(channel)
        self._tell(release.done)
