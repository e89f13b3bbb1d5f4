"""One writer's messages stay in order, also where the first of them meet a node that is new."""

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer

from fairway.redis import RedisChannelLayer

LIMIT = 20
#: Messages written one after another, without waiting for any.
MESSAGES = 100
#: So that the server is not done with all of them before the first is answered.
BODY = bytes(50_000)


async def send_in_a_row(send: Callable[[int], Awaitable[None]]) -> None:
    sending = []
    for n in range(MESSAGES):
        sending.append(asyncio.ensure_future(send(n)))
        await asyncio.sleep(0)  # each in a loop turn, and so in a write, of its own
    await asyncio.gather(*sending)


async def received(layer: RedisChannelLayer, channel: str) -> list[int]:
    return [(await asyncio.wait_for(layer.receive(channel), LIMIT))["n"] for _ in range(MESSAGES)]


async def test_of_a_group_with_a_new_node(make_layer: MakeLayer, server: RedisServer) -> None:
    sender = make_layer(server)
    await sender.new_channel()
    await asyncio.sleep(1.2)  # the loop has connections of its own: nothing is gathered at home
    for _ in range(15):
        layer = make_layer(server)
        channel = await layer.new_channel()
        await layer.group_add("chat", channel)
        await send_in_a_row(lambda n: sender.group_send("chat", {"n": n, "body": BODY}))
        assert await received(layer, channel) == list(range(MESSAGES))
        await layer.close()


async def test_of_a_node_that_the_server_does_not_know(
    make_layer: MakeLayer, server: RedisServer
) -> None:
    sender = make_layer(server)
    await sender.new_channel()
    await asyncio.sleep(1.2)
    for _ in range(15):
        layer = make_layer(server)
        channel = layer.make_channel_name()
        await send_in_a_row(lambda n, channel=channel: sender.send(channel, {"n": n, "body": BODY}))  # type: ignore[misc]
        assert await received(layer, channel) == list(range(MESSAGES))
