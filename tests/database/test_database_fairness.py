"""Readers of one normal channel share it, on every database."""

from database_support import MakeLayer

from sharing import require_sharing


async def test_readers_that_wait_share_what_comes_one_by_one(
    make_layer: MakeLayer, alias: str
) -> None:
    await require_sharing(make_layer(alias), make_layer(alias), make_layer(alias))
