"""Promise 7: messages are copies, and every layer converts and refuses the same values."""

from __future__ import annotations

import copy
import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

from ..case import case
from ..checks import (
    both_kinds,
    expect_raises,
    fresh,
    nothing_more,
    receive,
    require,
    require_equal,
)
from ..harness import Harness


class Text(str):
    """A `str` of the sender's own."""


def _nested() -> dict[str, Any]:
    return {
        "type": "chat",
        "list": [1, [2, 3]],
        "dict": {"inner": {"deep": [1]}},
        "body": b"\0\xff",
    }


def _spoil(message: dict[str, Any]) -> None:
    message["list"][1].append("spoilt")
    message["dict"]["inner"]["deep"] = "spoilt"
    message["added"] = True


@case(7, "The sender's message is never changed")
async def sender_unchanged(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    for channel in await both_kinds(layer):
        await layer.group_add(group, channel)
        message = {**_nested(), "tuple": (1, (2,))}
        before = copy.deepcopy(message)
        await layer.send(channel, message)
        await layer.group_send(group, message)
        for _ in range(2):
            _spoil(await receive(h, layer, channel))
        require_equal(message, before, "the sender's message after it was received and changed")
        await layer.group_discard(group, channel)


@case(7, "What the sender changes after send does not travel")
async def later_changes(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    for channel in await both_kinds(layer):
        await layer.group_add(group, channel)
        for send, name in ((layer.send, channel), (layer.group_send, group)):
            message = _nested()
            await send(name, message)
            _spoil(message)
            require_equal(await receive(h, layer, channel), _nested(), "message as it was sent")
        await layer.group_discard(group, channel)


@case(7, "Each member of a group receives its own copy")
async def own_copies(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    members = [*await both_kinds(layer), *await both_kinds(layer)]
    for member in members:
        await layer.group_add(group, member)
    await layer.group_send(group, _nested())
    for member in members:
        message = await receive(h, layer, member)
        require_equal(message, _nested(), "message at a member, after others changed theirs")
        _spoil(message)


VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -1,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "float": 0.1,
    "whole float": 1.0,
    "infinity": math.inf,
    "-infinity": -math.inf,
    "empty": "",
    "text": "naïve café 漢字 🎉 \0 \n",
    "bytes": bytes(range(256)),
    "no bytes": b"",
    "list": [1, "two", b"three", None, [4.0, [True]]],
    "empty list": [],
    "dict": {"": {"ключ": {"deep": [{}]}}, "a.b!c": 1},
    "empty dict": {},
}


def _same(left: object, right: object) -> bool:
    """Equal, and of the same types all the way down: 1, 1.0 and True differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return left == right


@case(7, "Bytes, text, numbers, bools, None, lists and dicts arrive as they were sent")
async def values_arrive(h: Harness) -> None:
    layer = h.make()
    for channel in await both_kinds(layer):
        await layer.send(channel, VALUES)
        got = await receive(h, layer, channel)
        for key, value in VALUES.items():
            require(_same(got.get(key), value), f"{value!r} arrived as {got.get(key)!r}")
        require_equal(list(got), list(VALUES), "keys, in order")


@case(7, "NaN arrives as NaN")
async def nan(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    await layer.send(channel, {"value": math.nan})
    got = (await receive(h, layer, channel))["value"]
    require(isinstance(got, float) and math.isnan(got), f"NaN arrived as {got!r}")


@case(7, "An empty message arrives, as does one nested 20 deep")
async def shapes(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"in": [deep]}
    for message in ({}, deep):
        await layer.send(channel, message)
        require_equal(await receive(h, layer, channel), message, "message")


@case(7, "Tuples arrive as lists")
async def tuples(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    for send, name in ((layer.send, channel), (layer.group_send, group)):
        await send(name, {"pair": (1, ("a", ())), "in list": [(2,)]})
        got = await receive(h, layer, channel)
        require_equal(got, {"pair": [1, ["a", []]], "in list": [[2]]}, "message with tuples")


@case(7, "A str of the sender's own class arrives as a plain str")
async def plain_str(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    await layer.send(channel, {"text": Text("safe"), "in": [Text("safe")]})
    got = await receive(h, layer, channel)
    require_equal(got, {"text": "safe", "in": ["safe"]}, "message")
    require(type(got["text"]) is str, f"a str subclass arrived as {type(got['text']).__name__}")
    require(type(got["in"][0]) is str, "a str subclass in a list did not arrive as str")


def _recursive() -> dict[str, Any]:
    message: dict[str, Any] = {"list": []}
    message["list"].append(message)
    return message


REFUSED: dict[str, Callable[[], Any]] = {
    "an object": lambda: {"value": object()},
    "a set": lambda: {"value": {1}},
    "a datetime": lambda: {"value": datetime.datetime(2026, 1, 1)},
    "a date in a list": lambda: {"value": [datetime.date(2026, 1, 1)]},
    "a complex number": lambda: {"value": 1j},
    "a function": lambda: {"value": len},
    "an int key": lambda: {1: "value"},
    "a nested int key": lambda: {"value": {1: 2}},
    "a bytes key": lambda: {b"key": 1},
    "a None key": lambda: {"value": [{None: 1}]},
    "an int above 64 bits": lambda: {"value": 2**64},
    "an int below 64 bits": lambda: {"value": -(2**63) - 1},
    "a lone surrogate": lambda: {"value": "\ud800"},
    "a lone surrogate in a key": lambda: {"\udfff": 1},
}

NOT_A_DICT: dict[str, Callable[[], Any]] = {
    "a list for a message": lambda: [1],
    "a str for a message": lambda: "text",
    "bytes for a message": lambda: b"{}",
    "None for a message": lambda: None,
}


async def _refuses(h: Harness, messages: Mapping[str, Callable[[], Any]]) -> None:
    layer, group = h.make(), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    for what, make in messages.items():
        for send, name in ((layer.send, channel), (layer.group_send, group)):
            with expect_raises(TypeError, f"InvalidMessage tells of {what}"):
                await send(name, make())
    await nothing_more(h, layer, channel, "a refused message arrived")


@case(7, "Any other value is refused by send and group_send with a TypeError, and not sent")
async def refused(h: Harness) -> None:
    await _refuses(h, REFUSED)


@case(7, "A message that contains itself is refused with a TypeError")
async def recursive_refused(h: Harness) -> None:
    await _refuses(h, {"a message that contains itself": _recursive})


@case(7, "A message that is not a dict is refused with a TypeError")
async def not_a_dict(h: Harness) -> None:
    await _refuses(h, NOT_A_DICT)


@case(7, "A bad message is refused even when the group has no members")
async def refused_without_members(h: Harness) -> None:
    layer = h.make()
    with expect_raises(TypeError, "InvalidMessage tells of an object"):
        await layer.group_send(fresh("nobody"), {"value": object()})


@case(7, "The error names the path to the bad value")
async def path_named(h: Harness) -> None:
    layer, channel = h.make(), fresh("work")
    message = {"users": [{}, {}, {}, {"joined": datetime.date(2026, 1, 1)}], "joined": "good"}
    with expect_raises(TypeError, "InvalidMessage tells of a date") as raised:
        await layer.send(channel, message)
    text = str(raised.error)
    for part in ("users", "3", "joined", "date"):
        require(part in text, f"'{text}' doesn't lead to message['users'][3]['joined'], a date")
