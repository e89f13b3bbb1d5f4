"""A database that lost the layer's data, and nodes that died: who gets what back."""

import asyncio
from collections.abc import Callable
from functools import partial

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
    await asyncio.to_thread(in_a_transaction, layer, partial(deal_to_a_ghost, layer))
    await layer.send("work", {"n": 3})
    assert sorted([(await layer.receive("work"))["n"] for _ in range(4)]) == [0, 1, 2, 3]
    assert (await layer.global_statistics())["drops"]["reader_died"] == 0


async def test_a_dead_node_is_found_after_the_clock_was_set_back(
    make_layer: MakeLayer, alias: str
) -> None:
    """Others were heard, by the clock's former time, when it is not yet now."""
    layer = make_layer(alias)
    await layer.new_channel()

    def decide(state: State) -> None:
        later = state.now + 3_600_000
        state.first.append(("put_figures", [("heard", later), ("since", later)]))
        deal_to_a_ghost(layer, state)

    await asyncio.to_thread(in_a_transaction, layer, decide)
    received = [await asyncio.wait_for(layer.receive("work"), 20) for _ in range(3)]
    assert received == [{"n": 0}, {"n": 1}, {"n": 2}]


def deal_to_a_ghost(layer: DatabaseChannelLayer, state: State) -> None:
    """Deal messages to a node whose lease has lapsed."""
    node = new_node("0123456789abcd", state.now, lease=state.now - 1, kept=state.now - 1)
    node.known = 1
    state.nodes[node.id] = node
    for n in range(3):
        body = layer._codec.encode({"n": n})
        state.entry(node, NORMAL + "work", stamped(state.now, body))
    state.add_count(NORMAL + "work", node.id, 3)


def in_a_transaction(layer: DatabaseChannelLayer, decide: Callable[[State], None]) -> None:
    connection = Connection(layer.alias, layer.prefix)
    options = LinkOptions("rival", 60, 10, 20, 2, 10_000)
    Transactions(connection, options, lambda node: f"wake_{node}").change(Needs(), decide)
    connection.close()
