"""Readers of one normal channel share it."""

from benchmarks.redis_server import RedisServer
from redis_support import MakeLayer

from sharing import require_sharing


async def test_readers_that_wait_share_what_comes_one_by_one(
    server: RedisServer, make_layer: MakeLayer
) -> None:
    await require_sharing(make_layer(server), make_layer(server), make_layer(server))
