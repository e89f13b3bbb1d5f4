"""What a batch is in Redis's terms: each place in it becomes one script call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import hiredis

from ..core.envelope import AS_ENTERED, JOIN, stamped
from ..core.memo import Memo
from ..core.outbox import Batch, GroupSend, Membership, Release, Send, Want
from ..errors import StoreUnavailable, channel_full
from .conversation import ARGUMENT, Argument, Conversation, OnReply, beginning, is_unknown_script
from .keys import Keys
from .options import LinkOptions
from .roster import NAMED, Roster
from .turns import Turns

T = TypeVar("T")

#: Messages, and bytes, that one script call takes at the most: it must not stop the server long.
_MESSAGES_PER_CALL = 1000
_BYTES_PER_CALL = 4 * 1024 * 1024
#: Nodes, and groups, for which the beginning of a call is kept ready.
_BEGINNINGS = 1024
#: The beginning of a command, and its last arguments.
_LAST = b"%b" + ARGUMENT
_LAST_TWO = _LAST + ARGUMENT


class BatchWriter:
    """Writes batches, all but their queries, into a conversation with one server."""

    def __init__(self, connection: Conversation, keys: Keys, options: LinkOptions):
        self._connection = connection
        self._keys = keys
        self._options = options
        self._group_nodes = Roster()
        self._channel_nodes = Roster()
        self._turns = Turns[GroupSend]()
        self._to_nodes = Memo(self._begin_to_node, _BEGINNINGS)
        self._to_groups = Memo(self._begin_to_group, _BEGINNINGS)

    def write(self, batch: Batch) -> None:
        """Write a batch at once; each call's ``done`` hears the outcome with the replies."""
        calls: list[tuple[tuple[Argument, ...], OnReply]] = []
        if batch.acks:
            calls.append(self._ack(batch.acks))
        for group, memberships in batch.memberships.items():
            calls.extend(self._memberships(group, memberships))
        for node, by_name in batch.to_nodes.items():
            if len(by_name) == 1:
                (sends,) = by_name.values()
                calls.extend(self._to_one(node, part) for part in _chunks(sends))
            else:
                calls.extend(self._to_node(node, part) for part in _parts(by_name))
        for (channel, _), sends in batch.to_channels.items():
            calls.extend(self._to_channel(channel, part) for part in _chunks(sends))
        for group, messages in batch.to_groups.items():
            if not self._turns.hold(group, messages):
                calls.extend(self._to_group(group, part) for part in _chunks(messages))
        calls.extend(map(self._want, batch.wants))
        calls.extend(map(self._release, batch.releases))
        if calls:
            self._connection.send(calls)

    def write_one(self, message: Send | GroupSend) -> bool:
        """Write a single message, unless replies are awaited: then False.

        A processor that did something else meanwhile reads all code and data from memory, so
        that a call of even the smallest function takes microseconds. There are few here.
        """
        if self._connection.waiting:
            return False
        body = message.body
        if isinstance(message, GroupSend):
            self._turns.called(message.group)
            command = _LAST % (self._to_groups[message.group], len(body), body)
            self._connection.send_one(command, partial(self._told_of_group_alone, message))
            return True
        name, _, node = message.address
        if node is None:
            self._connection.send([self._to_channel(name, [message])])
        else:
            begun = self._to_nodes[node, message.capacity]
            command = _LAST_TWO % (begun, len(name), name.encode(), len(body), body)
            self._connection.send_one(command, partial(self._told_of_one_alone, message))
        return True

    # -- sending --------------------------------------------------------------------

    def _to_one(self, node: str, sends: list[Send]) -> tuple[tuple[Argument, ...], OnReply]:
        """All for one channel: a short cut for nodes that are known."""
        first = sends[0]
        messages: list[str | bytes] = [first.address.name]
        messages += [send.body for send in sends]
        told = partial(self._told_of_one, sends)
        return self._call_of_one(node, first.capacity, len(sends), messages, told)

    def _call_of_one(
        self,
        node: str,
        capacity: int,
        count: int,
        messages: Sequence[str | bytes],
        on_reply: OnReply,
    ) -> tuple[tuple[Argument, ...], OnReply]:
        keys, options = self._keys, self._options
        return self._connection.script(
            "send_one",
            (keys.inbox(node), keys.counts(node), keys.stats, keys.nodes),
            (node, options.inbox_capacity, options.expiry_ms, capacity, count, *messages),
            on_reply,
        )

    def _begin_to_node(self, node_and_capacity: tuple[str, int]) -> bytes:
        """The command for a message to any channel of this node, but for its name and the body."""
        node, capacity = node_and_capacity
        command, _ = self._call_of_one(node, capacity, 1, (), _ignore)
        return beginning(command, 2)

    def _told_of_one_alone(self, message: Send, reply: Any) -> None:
        if reply is None:
            message.done(None, None)
        elif is_unknown_script(reply):
            self._connection.send([self._to_one(message.address.node or "", [message])])
        else:
            self._told_of_one([message], reply)

    def _told_of_one(self, sends: list[Send], reply: Any) -> None:
        if reply is None:
            for send in sends:
                send.done(None, None)
        elif (error := _error(reply)) is not None:
            _all_failed([sends], error)
        elif reply >= 0:
            _tell_sends(sends, len(sends) - reply)
        else:
            name, _, node = sends[0].address
            self._connection.send([self._to_node(node or "", {name: sends})])

    def _to_node(
        self, node: str, by_name: dict[str, list[Send]]
    ) -> tuple[tuple[Argument, ...], OnReply]:
        keys, options = self._keys, self._options
        arguments: list[Argument] = [node, options.inbox_capacity, options.expiry_ms]
        for name, sends in by_name.items():
            arguments += (name, sends[0].capacity, len(sends))
            arguments += [send.body for send in sends]

        def on_reply(reply: Any) -> None:
            groups = list(by_name.values())
            error = _error(reply)
            if error is not None:
                _all_failed(groups, error)
            elif reply is None:
                for sends in groups:
                    for send in sends:
                        send.done(None, None)
            else:
                for sends, refused in zip(groups, reply, strict=True):
                    _tell_sends(sends, len(sends) - refused)

        return self._connection.script(
            "send_to_node",
            [*keys.node_keys(node), keys.stats, keys.nodes],
            arguments,
            on_reply,
        )

    def _to_channel(self, channel: str, sends: list[Send]) -> tuple[tuple[Argument, ...], OnReply]:
        nodes = self._channel_nodes.of(channel)

        def on_reply(reply: Any) -> None:
            error = _error(reply)
            if error is not None:
                _all_failed([sends], error)
                return
            taken, missing = reply
            _tell_sends(sends, taken)
            self._deal(channel, missing)

        return self._connection.script(
            "send_to_channel",
            self._deal_keys(channel, nodes),
            [
                channel, sends[0].capacity, self._options.expiry_ms, int(sends[0].last),
                len(nodes), *nodes, *[AS_ENTERED + send.body for send in sends],
            ],
            on_reply,
        )  # fmt: skip

    def _to_group(
        self, group: str, messages: list[GroupSend]
    ) -> tuple[tuple[Argument, ...], OnReply]:
        self._turns.called(group)
        return self._first_call(group, messages)

    def _first_call(
        self, group: str, messages: list[GroupSend]
    ) -> tuple[tuple[Argument, ...], OnReply]:
        nodes = self._group_nodes.of(group)
        return self._group_call(group, nodes, messages, partial(self._told_of_group, messages))

    def _begin_to_group(self, group: str) -> bytes:
        """The command for any message to this group, but for its body."""
        command, _ = self._first_call(group, [])
        return beginning(command, 1)

    def _told_of_group_alone(self, message: GroupSend, reply: Any) -> None:
        if reply is None:  # nearly always
            message.done((), None)
            if held := self._turns.answered(message.group):
                self._send_held(held)
        elif is_unknown_script(reply):
            self._connection.send([self._first_call(message.group, [message])])
        else:
            self._told_of_group([message], reply)

    def _told_of_group(self, messages: list[GroupSend], reply: Any) -> None:
        group, error = messages[0].group, _error(reply)
        channels, missing = reply if not error and reply else ((), ())
        names = _texts(channels)
        if missing:
            self._group_again(group, messages, names, _texts(missing))
        else:
            _tell_group(messages, names, error)
        if held := self._turns.answered(group):
            self._send_held(held)

    def _send_held(self, held: list[GroupSend]) -> None:
        group = held[0].group
        self._connection.send([self._to_group(group, part) for part in _chunks(held)])

    def _group_again(
        self, group: str, messages: list[GroupSend], names: list[str], nodes: list[str]
    ) -> None:
        """Serve the nodes that the first call did not name, and only those."""
        self._group_nodes.learn(group, nodes)
        self._to_groups.pop(group, None)
        self._turns.repeated(group)

        def on_last_reply(reply: Any) -> None:
            _tell_group(messages, names, _error(reply))

        *others, last = [nodes[first : first + NAMED] for first in range(0, len(nodes), NAMED)]
        calls = [self._group_call(group, part, messages, _ignore, only=True) for part in others]
        calls.append(self._group_call(group, last, messages, on_last_reply, only=True))
        self._connection.send(calls)

    def _group_call(
        self,
        group: str,
        nodes: Sequence[str],
        messages: list[GroupSend],
        on_reply: OnReply,
        *,
        only: bool = False,
    ) -> tuple[tuple[Argument, ...], OnReply]:
        keys = self._keys
        return self._connection.script(
            "group_send",
            [
                keys.group_nodes(group), keys.group_channels(group), keys.nodes, keys.stats,
                *map(keys.inbox, nodes),
            ],
            [
                group, self._options.inbox_capacity, int(only), len(nodes), *nodes,
                *[message.body for message in messages],
            ],
            on_reply,
        )  # fmt: skip

    # -- groups ---------------------------------------------------------------------

    def _memberships(
        self, group: str, changes: list[tuple[bool, Membership]]
    ) -> Iterator[tuple[tuple[Argument, ...], OnReply]]:
        """One call for each run of joins, or of departures."""
        for joins, run in groupby(changes, itemgetter(0)):
            memberships = [membership for _, membership in run]
            for first in range(0, len(memberships), _MESSAGES_PER_CALL):
                part = memberships[first : first + _MESSAGES_PER_CALL]
                yield from (self._joins if joins else self._leaves)(group, part)

    def _joins(
        self, group: str, joins: list[Membership]
    ) -> Iterator[tuple[tuple[Argument, ...], OnReply]]:
        keys, options = self._keys, self._options
        for node, members in _by_node(joins).items():
            own = node == options.node
            names = [keys.names(group), keys.group_nodes(group), keys.group_channels(group)]
            arguments: list[Argument] = [
                group, node, members[-1].turn if own else "", options.lease_ms,
                options.group_kept_ms,
            ]  # fmt: skip
            for member in members:
                lasts = "inf" if member.lasts is None else math.ceil(member.lasts * 1000)
                told = f"{'inf' if member.lasts is None else member.lasts}|{member.address.name}"
                arguments += (member.address.name, lasts, told)
            foreign = [] if own or not node else keys.node_keys(node)
            yield self._connection.script(
                "join", [*names, keys.nodes, keys.groups, *foreign], arguments, _tell(members)
            )

    def _leaves(
        self, group: str, leaves: list[Membership]
    ) -> Iterator[tuple[tuple[Argument, ...], OnReply]]:
        keys, options = self._keys, self._options
        for node, members in _by_node(leaves).items():
            last = max((each.turn for each in members if each.last), default="")
            of_node = [keys.counts(node)] if last else []
            if node and node != options.node:
                of_node = [keys.inbox(node)]
            yield self._connection.script(
                "leave",
                [
                    keys.names(group), keys.group_nodes(group), keys.group_channels(group),
                    keys.groups, *of_node,
                ],
                [group, node, last, *[member.address.name for member in members]],
                _tell(members),
            )  # fmt: skip

    # -- normal channels --------------------------------------------------------------

    def _deal_keys(self, channel: str, nodes: Sequence[str]) -> list[str]:
        keys = self._keys.queue_keys(channel)
        for node in nodes:
            keys += self._keys.node_keys(node)
        return keys

    def _want(self, want: Want) -> tuple[tuple[Argument, ...], OnReply]:
        node = self._options.node

        def on_reply(reply: Any) -> None:
            error = _error(reply)
            if error is None:
                self._deal(want.channel, reply)
            want.done(None, error)

        return self._want_call(want.channel, want.credit, [node], on_reply, anew=want.anew)

    def _want_call(
        self,
        channel: str,
        credit: int,
        nodes: Sequence[str],
        on_reply: OnReply,
        *,
        anew: bool = False,
    ) -> tuple[tuple[Argument, ...], OnReply]:
        options = self._options
        return self._connection.script(
            "want",
            self._deal_keys(channel, nodes),
            [channel, options.expiry_ms, options.lease_ms, credit, int(anew), len(nodes), *nodes],
            on_reply,
        )

    def _deal(self, channel: str, missing: Sequence[bytes]) -> None:
        """Messages are left for nodes that the last call did not name: name them."""
        if not missing:
            return
        self._channel_nodes.learn(channel, map(bytes.decode, missing))
        nodes = self._channel_nodes.of(channel)

        def on_reply(reply: Any) -> None:
            if _error(reply) is None:
                self._deal(channel, reply)

        self._connection.send([self._want_call(channel, 0, nodes, on_reply)])

    def _release(self, release: Release) -> tuple[tuple[Argument, ...], OnReply]:
        node = self._options.node

        def on_reply(reply: Any) -> None:
            error = _error(reply)
            if error is None:
                self._deal(release.channel, reply)
            release.done(None, error)

        return self._connection.script(
            "release",
            self._deal_keys(release.channel, [node]),
            [
                release.channel, self._options.expiry_ms, node,
                *[stamped(sent_ms, body) for sent_ms, body in release.parcels],
            ],
            on_reply,
        )  # fmt: skip

    # -- the node ---------------------------------------------------------------------

    def _ack(self, acks: dict[str, int]) -> tuple[tuple[Argument, ...], OnReply]:
        keys, node = self._keys, self._options.node
        arguments: list[Argument] = []
        for name, count in acks.items():
            arguments += (name if "!" in name or name[0] == JOIN else f">{name}", count)

        def on_reply(reply: Any) -> None:
            # What was not heard is made up for when, connected anew, the node says what it holds.
            if isinstance(reply, hiredis.ReplyError):
                self._connection.abort()

        return self._connection.script("ack", [keys.counts(node), keys.unread], arguments, on_reply)


def _error(reply: Any) -> StoreUnavailable | None:
    """The contract's error for what the server refused or the connection lost."""
    if not isinstance(reply, Exception):
        return None
    if isinstance(reply, StoreUnavailable):
        return reply
    error = StoreUnavailable(f"the store refused the call: {reply}")
    error.__cause__ = reply
    return error


def _tell(calls: Sequence[Membership]) -> OnReply:
    def on_reply(reply: Any) -> None:
        error = _error(reply)
        for call in calls:
            call.done(None, error)

    return on_reply


def _tell_sends(sends: Sequence[Send], taken: int) -> None:
    for send in sends[:taken]:
        send.done(None, None)
    for send in sends[taken:]:
        send.done(None, channel_full(send.address.name, send.capacity))


def _all_failed(groups: Sequence[Sequence[Send]], error: StoreUnavailable) -> None:
    for sends in groups:
        for send in sends:
            send.done(None, error)


def _tell_group(
    messages: Sequence[GroupSend], names: list[str], error: StoreUnavailable | None
) -> None:
    for message in messages:
        message.done(names, error)


def _texts(values: Sequence[bytes]) -> list[str]:
    return [value.decode() for value in values]


def _ignore(reply: Any) -> None:
    """The last of several calls speaks for all."""


def _by_node(memberships: list[Membership]) -> dict[str, list[Membership]]:
    by_node: dict[str, list[Membership]] = {}
    for membership in memberships:
        by_node.setdefault(membership.address.node or "", []).append(membership)
    return by_node


def _chunks(messages: list[T]) -> Iterator[list[T]]:
    """Parts small enough for one call, in order."""
    if _fit(messages):
        yield messages
        return
    part: list[T] = []
    volume = 0
    for message in messages:
        length = len(message.body)  # type: ignore[attr-defined]
        if part and (len(part) >= _MESSAGES_PER_CALL or volume + length > _BYTES_PER_CALL):
            yield part
            part, volume = [], 0
        part.append(message)
        volume += length
    if part:
        yield part


def _parts(by_name: dict[str, list[Send]]) -> Iterator[dict[str, list[Send]]]:
    """:func:`_chunks` of one node's messages, by channel."""
    sends = [send for sends in by_name.values() for send in sends]
    if _fit(sends):
        yield by_name
        return
    for part in _chunks(sends):
        parts: dict[str, list[Send]] = {}
        for send in part:
            parts.setdefault(send.address.name, []).append(send)
        yield parts


def _fit(messages: list[Any]) -> bool:
    """Whether one call takes them all; one message is never cut."""
    if len(messages) == 1:
        return True
    volume = sum([len(message.body) for message in messages])
    return len(messages) <= _MESSAGES_PER_CALL and volume <= _BYTES_PER_CALL
