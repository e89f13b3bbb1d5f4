"""A database that lost the layer's data, and nodes that died: who gets what back."""

import asyncio
from collections.abc import Callable

from database_support import MakeLayer, wipe

from fairway.core.envelope import NORMAL, stamped
from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.database.options import LinkOptions
from fairway.database.rows import new_node
from fairway.database.state import Needs, State
from fairway.database.transaction import Transactions


async def member_after_a_loss(layer: DatabaseChannelLayer) -> str:
    """A channel in the group "chat", of which the database knows nothing any more."""
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await asyncio.to_thread(wipe, layer.alias, layer.prefix)
    return channel


async def reached(layer: DatabaseChannelLayer, channel: str, by: DatabaseChannelLayer) -> None:
    """Return when what is sent to the group "chat" arrives at a channel."""
    received = asyncio.ensure_future(layer.receive(channel))
    while not received.done():
        await by.group_send("chat", {"n": 1})
        await asyncio.wait([received], timeout=0.1)
    assert await received == {"n": 1}


async def test_memberships_are_put_back_whatever_the_node_says_first(
    make_layer: MakeLayer, alias: str
) -> None:
    layer, other = make_layer(alias, heartbeat=1.0, lease=10.0), make_layer(alias)
    channel = await member_after_a_loss(layer)
    await layer.receive_many(["work"], timeout=0.01)
    await layer.group_add("other", channel)
    await reached(layer, channel, other)


async def test_memberships_are_put_back_although_another_node_writes_first(
    make_layer: MakeLayer, alias: str
) -> None:
    layer, other = make_layer(alias, heartbeat=1.0, lease=10.0), make_layer(alias)
    channel = await member_after_a_loss(layer)
    await other.send(channel, {"n": 0})
    assert await layer.receive(channel) == {"n": 0}
    await reached(layer, channel, other)


async def test_messages_dealt_to_a_node_that_never_read_go_to_others(
    make_layer: MakeLayer, alias: str
) -> None:
    """As when a process is killed between asking for messages and reading them."""
    layer = make_layer(alias)
    await layer.new_channel()
    ghost = "0123456789abcd"
    encode = layer._codec.encode

    def deal(state: State) -> None:
        node = new_node(ghost, state.now, lease=state.now - 1, kept=state.now - 1)
        node.known = 1
        state.nodes[ghost] = node
        for n in range(3):
            state.entry(node, NORMAL + "work", stamped(state.now, encode({"n": n})))
        state.add_count(NORMAL + "work", ghost, 3)

    await asyncio.to_thread(in_a_transaction, layer, deal)
    await layer.send("work", {"n": 3})
    assert sorted([(await layer.receive("work"))["n"] for _ in range(4)]) == [0, 1, 2, 3]
    assert (await layer.global_statistics())["drops"]["reader_died"] == 0


def in_a_transaction(layer: DatabaseChannelLayer, decide: Callable[[State], None]) -> None:
    connection = Connection(layer.alias, layer.prefix)
    options = LinkOptions("rival", 60, 10, 20, 2, 10_000)
    Transactions(connection, options, lambda node: f"wake_{node}").change(Needs(), decide)
    connection.close()
