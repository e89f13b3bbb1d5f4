"""What settings say: aliases, prefixes, poolers, rights."""

import asyncio
import logging
from io import StringIO
from pathlib import Path

import django
import pytest
from benchmarks.database_servers import PostgreSQLServer
from benchmarks.pgbouncer import PgBouncer
from database_support import MakeLayer, know, wait_for
from django.core.management import call_command
from django.core.management.base import CommandError

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.database.features import features_of
from fairway.database.statements import table_names
from fairway.errors import ConfigurationError, StoreUnavailable


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"alias": "nowhere"}, "alias is 'nowhere'; DATABASES has 'default'"),
        ({"alias": "default"}, "vendor 'unknown'"),
        ({"alias": "sqlite", "prefix": "Not-a-name"}, "prefix is 'Not-a-name'"),
        ({"alias": "sqlite", "lease": 3, "heartbeat": 2}, "a lease outlasts two heartbeats"),
        ({"alias": "sqlite", "hosts": []}, "has no option 'hosts'; it has alias"),
    ],
)
def test_mistakes_are_named(config: dict[str, object], words: str, sqlite: Path) -> None:
    with pytest.raises(ConfigurationError, match=words):
        DatabaseChannelLayer(**config)  # type: ignore[arg-type]


def test_oracle_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError, match="vendor 'oracle'"):
        features_of("oracle", "default")


async def test_prefixes_keep_layers_apart(alias: str, make_layer: MakeLayer) -> None:
    one, other = make_layer(alias), make_layer(alias, prefix="other")
    channel = await one.new_channel()
    await one.group_add("group", channel)
    await one.send("work", {"n": 1})
    await other.flush()
    assert await other.group_channels("group") == []
    assert await one.group_channels("group") == [channel]
    assert await one.receive("work") == {"n": 1}


async def test_behind_a_pooler(
    postgresql: PostgreSQLServer, make_layer: MakeLayer, caplog: pytest.LogCaptureFixture
) -> None:
    with PgBouncer(postgresql.port) as pooler:
        know("pooled", {**postgresql.settings, "PORT": pooler.port})
        receiver, sender = make_layer("pooled"), make_layer("postgresql")
        channel = await receiver.new_channel()
        await receiver.group_add("group", channel)
        with caplog.at_level(logging.WARNING):
            for number in range(50):
                await sender.send(channel, {"number": number})
                await receiver.send("work", {"number": number})
                assert await receiver.receive(channel) == {"number": number}
                assert await sender.receive("work") == {"number": number}
        await sender.group_send("group", {"n": 1})
        assert await receiver.receive(channel) == {"n": 1}
        said = [record for record in caplog.records if "pooler" in record.getMessage()]
        await receiver.close()
    assert len(said) <= 1


async def test_an_account_that_may_not_create_tables(
    postgresql: PostgreSQLServer, make_layer: MakeLayer
) -> None:
    prefix = make_layer("postgresql").prefix
    postgresql.ask("DROP ROLE IF EXISTS app")
    postgresql.ask("CREATE ROLE app LOGIN")
    postgresql.ask("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    know("app", {**postgresql.settings, "USER": "app"})
    layer = make_layer("app", patience=2)
    with pytest.raises(StoreUnavailable, match=r"manage\.py createchanneltables --database app"):
        await layer.send("work", {})
    await asyncio.to_thread(lambda: Connection("postgresql", prefix).close())
    postgresql.ask("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
    while not await sent(layer, {"n": 1}):
        pass
    assert await layer.receive("work") == {"n": 1}
    await layer.close()
    postgresql.ask("DROP OWNED BY app")


async def sent(layer: DatabaseChannelLayer, message: dict[str, int]) -> bool:
    try:
        await layer.send("work", message)
    except StoreUnavailable:
        return False
    return True


@pytest.fixture
def commands(alias: str) -> str:
    django.setup()
    return alias


def test_the_command_creates_tables(commands: str) -> None:
    said = StringIO()
    call_command("createchanneltables", database=commands, stdout=said)
    call_command("createchanneltables", database=commands, stdout=said)
    assert said.getvalue() == f"The tables with prefix 'asgi' are in database {commands!r}.\n" * 2
    connection = Connection(commands, "asgi")
    assert len(connection.run(("figures",))) == 1
    connection.close()


def test_the_command_prints_sql(commands: str) -> None:
    said = StringIO()
    call_command("createchanneltables", database=commands, dry_run=True, stdout=said)
    assert said.getvalue().count(" TABLE IF NOT EXISTS fairway1_asgi_") == 10


def test_the_command_names_mistakes(sqlite: Path) -> None:
    django.setup()
    with pytest.raises(CommandError, match="alias is 'nowhere'"):
        call_command("createchanneltables", database="nowhere")


async def test_tables_are_empty_after_the_load(make_layer: MakeLayer, alias: str) -> None:
    layer = make_layer(alias)
    channel = await layer.new_channel()
    for number in range(300):
        await layer.send(channel, {"number": number})
        await layer.receive(channel)
        await layer.send("work", {"number": number})
        await layer.receive("work")
    await asyncio.to_thread(until_empty, alias, layer.prefix)


def until_empty(alias: str, prefix: str) -> None:
    connection = Connection(alias, prefix)
    for table in ("inbox", "queue", "counts"):
        wait_for(lambda table=table: not rows(connection, prefix, table), f"rows stay in {table}")  # type: ignore[misc]
    connection.close()


def rows(connection: Connection, prefix: str, table: str) -> int:
    where = " WHERE n > 0" if table == "counts" else ""
    ((number,),) = connection._one(f"SELECT COUNT(*) FROM {table_names(prefix)[table]}{where}", [])
    return int(number)
