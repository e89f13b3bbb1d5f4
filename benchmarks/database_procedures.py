"""What the processes of the cases on databases do, besides what those of every layer do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fairway.errors import ChannelFull

from .procedures import GO, MESSAGE, now
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


async def send_for(here: Here, channel: str, seconds: float, in_flight: int, rate: float) -> int:
    """Send for so long, ``in_flight`` at a time, then that it is over; how many it were.

    ``rate``: messages a second at the most; 0: as many as there can be.
    """
    end, sent = now() + seconds, 0

    async def one_after_another() -> None:
        nonlocal sent
        due = now()
        while now() < end:
            await here.layer.send(channel, MESSAGE)
            sent += 1
            if rate:
                due += in_flight / rate
                await asyncio.sleep(max(0, due - now()))

    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    await here.layer.send(channel, GO)
    return sent


# -- what SQLite is asked, which has no server to tell -----------------------------------


async def count_statements(here: Here) -> None:
    """Begin to count the statements of this process's layer, and its looks at the file."""
    from fairway.database.connection import Connection

    counted: Counter[str] = here.kept.setdefault("counted", Counter())
    run, data_version = Connection.run, Connection.data_version

    def counting_run(self: Connection, *calls: Any) -> list[Any]:
        counted["statements"] += len(calls)
        return run(self, *calls)

    def counting_look(self: Connection) -> int:
        counted["looks"] += 1
        return data_version(self)

    Connection.run = counting_run  # type: ignore[method-assign]
    Connection.data_version = counting_look  # type: ignore[method-assign]


async def statements_and_bytes(here: Here) -> tuple[int, int]:
    """Statements counted, and bytes that this process wrote to anything."""
    return here.kept["counted"]["statements"], _bytes_written()


def _bytes_written() -> int:
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(facts["wchar"])


async def looks(here: Here) -> int:
    """Looks at the file, counted."""
    looks: int = here.kept["counted"]["looks"]
    return looks


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
