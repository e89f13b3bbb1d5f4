"""Promise 8: which names and sizes pass, and which are refused."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from ..case import case
from ..checks import (
    both_kinds,
    expect_raises,
    fresh,
    receive,
    require,
    require_equal,
    within,
)
from ..harness import Harness, Layer

BAD_IN_BOTH: tuple[object, ...] = (
    "",
    "no spaces",
    "tab\t",
    "slash/",
    "colon:",
    "naïve",
    "nul\0",
    "#fragment",
    "x" * 101,
    None,
    7,
    b"bytes",
    ["list"],
)
BAD_CHANNELS = (*BAD_IN_BOTH, "two!marks!here", "!", "!local", "specific.node!naïve")
BAD_GROUPS = (*BAD_IN_BOTH, "specific.node!local", "group!")

GOOD = ("a", "A-Z_0.9", ".", "-", "_", "x" * 99, "x" * 100)


Verbs: TypeAlias = dict[str, Callable[[Any], Awaitable[object]]]


def _verbs(layer: Layer) -> Verbs:
    """The verbs that take a channel."""
    return {
        "send": lambda name: layer.send(name, {}),
        "receive": lambda name: layer.receive(name),
        "group_add": lambda name: layer.group_add(fresh("chat"), name),
        "group_discard": lambda name: layer.group_discard(fresh("chat"), name),
    }


async def _refuses(h: Harness, verbs: Verbs, names: tuple[object, ...]) -> None:
    for verb, call in verbs.items():
        for name in names:
            with expect_raises(TypeError, f"InvalidName tells {verb} that {name!r} is bad"):
                await within(h.patience, call(name), f"{verb} waits on the bad name {name!r}")


@case(8, "Every verb refuses a bad channel name with a TypeError")
async def bad_channels(h: Harness) -> None:
    await _refuses(h, _verbs(h.make()), BAD_CHANNELS)


@case(8, "A name with a trailing newline is refused")
async def trailing_newline(h: Harness) -> None:
    layer = h.make()
    await _refuses(h, _verbs(layer), ("chat\n", "specific.node!local\n"))
    with expect_raises(TypeError, "InvalidName tells group_send that 'chat\\n' is bad"):
        await layer.group_send("chat\n", {})


@case(8, "receive_many and channel_statistics refuse a bad channel name with a TypeError")
async def bad_channels_beyond(h: Harness) -> None:
    layer = h.make()
    verbs: Verbs = {
        "receive_many": lambda name: layer.receive_many([name]),
        "channel_statistics": lambda name: layer.channel_statistics(name),
    }
    await _refuses(h, verbs, (*BAD_CHANNELS, "chat\n"))


@case(8, "Every group verb refuses a bad group name with a TypeError")
async def bad_groups(h: Harness) -> None:
    layer = h.make()
    channel = await layer.new_channel()
    verbs: Verbs = {
        "group_add": lambda name: layer.group_add(name, channel),
        "group_discard": lambda name: layer.group_discard(name, channel),
        "group_send": lambda name: layer.group_send(name, {}),
    }
    await _refuses(h, verbs, BAD_GROUPS)


@case(8, "group_channels refuses a bad group name with a TypeError")
async def bad_groups_beyond(h: Harness) -> None:
    layer = h.make()
    await _refuses(h, {"group_channels": layer.group_channels}, (*BAD_GROUPS, "chat\n"))


@case(8, "new_channel refuses a bad prefix with a TypeError")
async def bad_prefix(h: Harness) -> None:
    layer = h.make()
    await _refuses(
        h, {"new_channel": layer.new_channel}, ("no spaces", "new\n", "a!b", "x" * 101, 7)
    )


@case(8, "The error about a name shows the name")
async def name_shown(h: Harness) -> None:
    with expect_raises(TypeError, "InvalidName tells of a bad name") as raised:
        await h.make().send("no spaces", {})
    require("no spaces" in str(raised.error), f"'{raised.error}' doesn't show 'no spaces'")


@case(8, "Names of letters, digits, '.', '-' and '_', up to 100 bytes, pass")
async def good_names(h: Harness) -> None:
    layer = h.make()
    for name in GOOD:
        await layer.send(name, {"to": name})
        require_equal(await receive(h, layer, name), {"to": name}, f"message on {name}")
        await layer.group_add(name, name)
        await layer.group_send(name, {"group": name})
        require_equal(await receive(h, layer, name), {"group": name}, f"message to group {name}")
        await layer.group_discard(name, name)


@case(8, "A channel and a group of one name have nothing to do with each other")
async def separate_names(h: Harness) -> None:
    layer, name = h.make(), fresh("same")
    channel = await layer.new_channel()
    await layer.group_add(name, channel)
    await layer.send(name, {"to": "channel"})
    await layer.group_send(name, {"to": "group"})
    require_equal(await receive(h, layer, channel), {"to": "group"}, "message to the group")
    require_equal(await receive(h, layer, name), {"to": "channel"}, "message to the channel")


@case(8, "The layer says which names are valid")
async def validators(h: Harness) -> None:
    layer = h.make()
    specific = await layer.new_channel()
    for name in (*GOOD, specific):
        require(layer.require_valid_channel_name(name), f"channel name {name!r} is refused")
    for name in GOOD:
        require(layer.require_valid_group_name(name), f"group name {name!r} is refused")
    for bad in BAD_CHANNELS:
        with expect_raises(TypeError, f"InvalidName tells that {bad!r} is bad"):
            layer.require_valid_channel_name(bad)
    for bad in BAD_GROUPS:
        with expect_raises(TypeError, f"InvalidName tells that {bad!r} is bad"):
            layer.require_valid_group_name(bad)


@case(8, "valid_channel_name and valid_group_name exist too, and pass good names")
async def older_validators(h: Harness) -> None:
    layer = h.make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        require(layer.valid_channel_name("chat"), "valid_channel_name('chat') is false")
        require(layer.valid_group_name("chat"), "valid_group_name('chat') is false")


@case(8, "A message of 1 MB passes")
async def one_megabyte(h: Harness) -> None:
    layer, group = h.make(), fresh("chat")
    for body in (bytes(2**20), "x" * 2**20):
        for channel in await both_kinds(layer):
            await layer.send(channel, {"body": body})
            got = (await receive(h, layer, channel))["body"]
            require(got == body, f"a {type(body).__name__} of 1 MB did not arrive as it was sent")
    await layer.group_add(group, channel)
    await layer.group_send(group, {"body": body})
    require((await receive(h, layer, channel))["body"] == body, "1 MB to a group did not arrive")


@case(8, "A message over the limit raises MessageTooLarge, in send and in group_send")
async def too_large(h: Harness) -> None:
    layer, group = h.make(max_message_size=2**20), fresh("chat")
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    for send, name in ((layer.send, channel), (layer.group_send, group)):
        with expect_raises(layer.MessageTooLarge, "MessageTooLarge tells of too large a message"):
            await send(name, {"body": bytes(2**20 + 1)})
    await layer.send(channel, {"text": "small"})
    require_equal(await receive(h, layer, channel), {"text": "small"}, "the next message")
