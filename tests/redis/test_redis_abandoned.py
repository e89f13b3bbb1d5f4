"""A layer object that nobody has any more ends by itself; a mistake in a callback ends nothing."""

import asyncio
import gc

from benchmarks.redis_server import RedisServer
from redis_support import FAST, MakeLayer, until

from fairway.redis import RedisChannelLayer


async def test_a_layer_that_is_dropped_returns_its_messages_and_ends(
    server: RedisServer, make_layer: MakeLayer
) -> None:
    # That no thread and no connection is left is looked at when the test ends.
    dropped = RedisChannelLayer([server.url], **FAST)
    channel = await dropped.new_channel()
    await dropped.group_add("chat", channel)
    assert await dropped.receive_many(["work"], timeout=0.05) == (None, None)
    other = make_layer(server)
    for n in range(3):
        await other.send("work", {"n": n})
    del dropped

    async def unlisted() -> bool:
        gc.collect()
        return await other.group_channels("chat") == []

    for _ in range(200):
        if await unlisted():
            break
        await asyncio.sleep(0.05)
    assert await unlisted()
    assert [(await other.receive("work"))["n"] for _ in range(3)] == [0, 1, 2]


async def test_a_callback_that_raises_does_not_keep_the_layer_from_connecting_again(
    server: RedisServer, make_layer: MakeLayer, complaints: list[str]
) -> None:
    heard = []

    def stumble(shard: str) -> None:
        heard.append(shard)
        raise ValueError("a mistake in a callback")

    layer = make_layer(server, on_disconnect=stumble, on_reconnect=stumble)
    channel = await layer.new_channel()
    await layer.send(channel, {"n": 1})
    assert await layer.receive(channel) == {"n": 1}
    server.cut_connections()
    await until(lambda: len(heard) == 2, "the callbacks were not called")
    await layer.send(channel, {"n": 2})
    assert await layer.receive(channel) == {"n": 2}
    told, complaints[:] = complaints[:], []
    assert ["ValueError: a mistake in a callback" in complaint for complaint in told] == [True] * 2
