"""A steady load for an hour on every database: do the tables grow, does anybody wait?

python -m benchmarks.database_hour [--minutes 60] [--write]

On each database one process sends and another receives: a normal channel, a process-specific
one and a group of fifty members, messages of 100 bytes and now and then one of 20 kB, and
memberships that come and go. A third process is the application, with a table of its own and
a transaction every 20 ms.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

from . import database_procedures as procedures
from . import database_watch as watching
from .database_servers import MariaDBServer, PostgreSQLServer, tell_processes
from .sheet import Sheet
from .side import Side

#: Messages a second to each channel and to the group.
_RATE = 100
_MEMBERS = 50
#: Seconds that the application works in a row, between its transactions, and between two looks
#: at who waits.
_LOOK_EVERY = 5.0
_PAUSE = 0.02
_WATCH_EVERY = 0.3
#: Minutes after which the tables' sizes are told.
_TOLD = (1, 2, 5, 10, 15, 20, 30, 45, 60)
_CONFIG = {"capacity": 1000, "inbox_capacity": 10_000}


@dataclass
class Load:
    """The processes on one database, and what was seen of them."""

    watch: watching.Watch
    application: Side
    receiver: Side
    sender: Side
    #: Bytes of the tables by minute.
    sizes: dict[float, int] = field(default_factory=dict)
    slowest: float = 0.0

    @classmethod
    def begin(cls, watch: watching.Watch, stack: ExitStack) -> Load:
        """Start the processes; the load begins."""
        subject = f"fairway.{watch.alias}"
        sides = [Side(subject, [], plain=i == 0, changes=_CONFIG) for i in range(3)]
        for side in sides:
            stack.callback(side.close)
        application, receiver, sender = sides
        load = cls(watch, application, receiver, sender)
        watch.application = application.call(procedures.make_application, watch.alias)
        arguments = "hour-normal", "hour-group", _MEMBERS
        specific = load.receiver.call(procedures.begin_receiving, *arguments)
        channels = ["hour-normal", specific]
        load.sender.call(procedures.begin_sending, channels, "hour-group", _RATE)
        return load

    def size_after(self, minute: float) -> str:
        """The tables' size then."""
        return f"{self.sizes[minute] / 1e6:.1f} MB"

    def line(self) -> list[float | str]:
        """What became of the messages, and who waited."""
        sent = self.sender.call(procedures.counts_so_far)
        received = self.receiver.call(procedures.counts_so_far)
        watch = self.watch
        seen = "–" if isinstance(watch, watching.SQLite) else None
        return [
            f"{sent['sent'] + sent['group']:,}",
            f"{sum(received.values()):,}",
            f"{sent.get('refused', 0):,}",
            seen or f"{watch.longest:.1f} s",
            seen or f"{watch.waits} in {watch.looks} looks",
            seen or f"{watch.waits_of_application}",
            f"{self.slowest * 1000:.0f} ms",
        ]

    def begin_look(self) -> None:
        """Let the application work for a while."""
        arguments = self.watch.alias, _LOOK_EVERY, _PAUSE
        self.application.start(procedures.application_transactions, *arguments)

    def end_look(self) -> None:
        """That while is over."""
        self.slowest = max(self.slowest, self.application.result())


@click.command(help=__doc__)
@click.option("--minutes", type=click.FloatRange(min=0.1), default=60.0, show_default=True)
@click.option("--only", default="postgresql,mariadb,sqlite", show_default=True)
@click.option("--write", is_flag=True, help="Put the tables into the documentation too.")
def main(minutes: float, only: str, write: bool) -> None:
    """Load the databases, and print what came of it."""
    with ExitStack() as stack:
        watches = _watches(only.split(","), stack)
        tell_processes({watch.alias: watch.settings for watch in watches})
        loads = [Load.begin(watch, stack) for watch in watches]
        started = time.monotonic()
        for minute in _minutes(minutes):
            _watch_until(loads, started + 60 * minute)
            for load in loads:
                load.sizes[minute] = load.watch.size()
            told = ", ".join(f"{load.watch.title} {load.size_after(minute)}" for load in loads)
            click.echo(f"after {_minute(minute)}: {told}")
        for sheet in sheets(loads, minutes):
            sheet.show()
            if write:
                sheet.write()


def _watches(only: list[str], stack: ExitStack) -> list[watching.Watch]:
    made: dict[str, watching.Watch] = {}
    if "postgresql" in only:
        # As the server cleans up where nobody has told it otherwise.
        server = stack.enter_context(PostgreSQLServer(autovacuum_naptime="60s"))
        made["postgresql"] = watching.PostgreSQL(server)
    if "mariadb" in only:
        made["mariadb"] = watching.MariaDB(stack.enter_context(MariaDBServer()))
    if "sqlite" in only:
        made["sqlite"] = watching.SQLite(stack)
    return list(made.values())


def _minutes(minutes: float) -> Iterator[float]:
    yield from (minute for minute in _TOLD if minute < minutes)
    yield minutes


def _watch_until(loads: list[Load], end: float) -> None:
    while time.monotonic() < end:
        for load in loads:
            load.begin_look()
        while any(load.application.busy() for load in loads):
            for load in loads:
                load.watch.look()
            time.sleep(_WATCH_EVERY)
        for load in loads:
            load.end_look()


def sheets(loads: list[Load], minutes: float) -> Iterator[Sheet]:
    """What was found."""
    sizes = {
        _minute(minute): [load.size_after(minute) for load in loads] for minute in loads[0].sizes
    }
    heading = ["tables after", *(load.watch.title for load in loads)]
    yield Sheet("database-hour", heading, sizes)
    heading = [
        f"in {_minute(minutes)}", "messages sent", "received", "refused", "longest transaction",
        "waits for a lock seen", "of the application's", "its slowest transaction",
    ]  # fmt: skip
    yield Sheet("database-hour-waits", heading, {load.watch.title: load.line() for load in loads})


def _minute(minutes: float) -> str:
    return f"{minutes:g} minute{'s' if minutes != 1 else ''}"


if __name__ == "__main__":
    main()
