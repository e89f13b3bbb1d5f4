"""What the processes of the cases on databases do, besides what those of every layer do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from fairway.errors import ChannelFull

from .procedures import MESSAGE, now
from .side import Here

#: Rows of the application's own table.
ROWS = 1000
#: The application's queries: as many reads as this for each change of a row.
_READS = 9
#: Longer than a row of an inbox takes, so that some rows hold a single message.
_LONG = {"type": "chat.message", "text": "x" * 20_000}


# -- the application beside the layer ----------------------------------------------------


def make_application(here: Here, alias: str) -> int:
    """Give the application a table of its own; the id of its connection, where it has one."""
    connection = _application(alias)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS application")
        cursor.execute("CREATE TABLE application (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
        values = [(number, 0) for number in range(ROWS)]
        cursor.executemany("INSERT INTO application (id, n) VALUES (%s, %s)", values)
        return _id_of(connection.vendor, cursor)


def _id_of(vendor: str, cursor: Any) -> int:
    if vendor == "sqlite":
        return 0
    cursor.execute(
        "SELECT " + ("pg_backend_pid()" if vendor == "postgresql" else "CONNECTION_ID()")
    )
    (id,) = cursor.fetchone()
    return int(id)


def application_queries(here: Here, alias: str, seconds: float) -> float:
    """Queries per second of an application: reads by key, and a change now and then."""
    connection = _application(alias)
    done, start = 0, now()
    with connection.cursor() as cursor:
        while now() < start + seconds:
            for _ in range(_READS):
                cursor.execute("SELECT n FROM application WHERE id = %s", [done % ROWS])
                cursor.fetchone()
                done += 1
            cursor.execute("UPDATE application SET n = n + 1 WHERE id = %s", [done % ROWS])
            done += 1
    return done / (now() - start)


def application_transactions(here: Here, alias: str, seconds: float, pause: float) -> float:
    """Transactions with pauses between; seconds that the slowest of them took."""
    from django.db import transaction

    connection = _application(alias)
    slowest, number, start = 0.0, 0, now()
    while now() < start + seconds:
        before, number = now(), number + 1
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            cursor.execute("SELECT n FROM application WHERE id = %s", [number % ROWS])
            cursor.execute("UPDATE application SET n = n + 1 WHERE id = %s", [number % ROWS])
        slowest = max(slowest, now() - before)
        time.sleep(pause)
    return slowest


def _application(alias: str) -> Any:
    import django
    from django.apps import apps
    from django.db import connections

    if not apps.ready:
        django.setup()
    return connections[alias]


# -- a steady load -----------------------------------------------------------------------


async def begin_receiving(here: Here, normal: str, group: str, members: int) -> str:
    """Receive in the background, from a normal channel, a group, and the channel returned."""
    specific: str = await here.layer.new_channel()
    channels = [await here.layer.new_channel() for _ in range(members)]
    for channel in channels:
        await here.layer.group_add(group, channel)
    counts = here.kept["received"] = Counter()

    async def receive(kind: str, channel: str) -> None:
        while True:
            await here.layer.receive(channel)
            counts[kind] += 1

    kinds = {normal: "normal", specific: "specific", **dict.fromkeys(channels, "group")}
    here.kept["load"] = [asyncio.create_task(receive(k, c)) for c, k in kinds.items()]
    here.kept["load"].append(asyncio.create_task(_come_and_go(here, f"{group}-visited")))
    return specific


async def _come_and_go(here: Here, group: str) -> None:
    while True:
        channel = await here.layer.new_channel()
        await here.layer.group_add(group, channel)
        await asyncio.sleep(0.1)
        await here.layer.forget_channel(channel)


async def begin_sending(here: Here, channels: list[str], group: str, rate: float) -> None:
    """Send in the background, to each of these ``rate`` messages a second at the most."""
    counts = here.kept["sent"] = Counter()

    async def keep_sending(channel: str) -> None:
        number = 0
        while True:
            number += 1
            try:
                await here.layer.send(channel, MESSAGE if number % 50 else _LONG)
                counts["sent"] += 1
            except ChannelFull:
                counts["refused"] += 1
            await asyncio.sleep(1 / rate)

    async def keep_group_sending() -> None:
        while True:
            await here.layer.group_send(group, MESSAGE)
            counts["group"] += 1
            await asyncio.sleep(1 / rate)

    works = [*map(keep_sending, channels), keep_group_sending()]
    here.kept["load"] = [asyncio.create_task(work) for work in works]


async def counts_so_far(here: Here) -> dict[str, int]:
    """What was sent or received since the load began; an error that ended a part of it."""
    for task in here.kept["load"]:
        if task.done():
            task.result()
    return dict(here.kept.get("sent") or here.kept["received"])
