"""What work has cost a database server, as it tells itself: processor, statements, log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Use:
    """Since the server's start: how long each thread that lives ran, in nanoseconds by its id;
    statements of clients; bytes of its log.

    The log is what it would write to disk to survive a crash: PostgreSQL's WAL, InnoDB's redo.
    """

    ran: Mapping[int, int]
    statements: float
    log: float

    @property
    def cpu(self) -> float:
        """Seconds of processor."""
        return sum(self.ran.values()) / 1e9

    def __sub__(self, other: Use) -> Use:
        """What was used between the two; nothing of threads that have ended since, as the workers
        that a server starts for its housekeeping do at any time."""
        ran = {thread: now - other.ran.get(thread, 0) for thread, now in self.ran.items()}
        return Use(ran, self.statements - other.statements, self.log - other.log)


def use_of(store: str) -> Use:
    """What the server of these processes' database has used so far."""
    settings = json.loads(os.environ["FAIRWAY_DATABASES"])[store]
    return _USES[store](settings)


# The module is loaded at the server's start and counts nothing until it is told to.
_COUNTING = "ALTER SYSTEM SET pg_stat_statements.track = 'all'"
_POSTGRESQL = """
SELECT (SELECT SUM(calls) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'),
    pg_current_wal_insert_lsn() - '0/0', split_part(pg_read_file('postmaster.pid'), E'\\n', 1)
"""


def _use_of_postgresql(settings: dict[str, Any]) -> Use:
    import psycopg

    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"],
        dbname=settings["NAME"], autocommit=True, application_name="admin",
    ) as connection:  # fmt: skip
        ((counts,),) = connection.execute("SHOW pg_stat_statements.track").fetchall()
        if counts == "none":
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            connection.execute(_COUNTING)
            connection.execute("SELECT pg_reload_conf()")
        ((statements, log, pid),) = connection.execute(_POSTGRESQL).fetchall()
    return Use(_ran([int(pid), *_children(int(pid))]), float(statements or 0), float(log))


def _use_of_mysql(settings: dict[str, Any]) -> Use:
    from .mysql_driver import MySQLdb

    connection = MySQLdb.connect(
        host=settings["HOST"], port=settings["PORT"], user=settings["USER"]
    )
    try:
        cursor = connection.cursor()
        cursor.execute("SHOW GLOBAL STATUS")
        status = dict(cursor.fetchall())
        cursor.execute("SELECT @@pid_file")
        ((file,),) = cursor.fetchall()
    finally:
        connection.close()
    pid = int(Path(file).read_text())
    return Use(_ran([pid]), float(status["Questions"]), float(status["Innodb_os_log_written"]))


_USES: dict[str, Callable[[dict[str, Any]], Use]] = {
    "postgresql": _use_of_postgresql,
    "mariadb": _use_of_mysql,
    "mysql": _use_of_mysql,
}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ran(pids: Iterable[int]) -> dict[int, int]:
    """How long each living thread of these processes ran, in nanoseconds by its id."""
    return dict(chain.from_iterable(map(_threads, pids)))


def _threads(pid: int) -> list[tuple[int, int]]:
    """None of a process that has ended, as a worker of a server's may any time."""
    try:
        files = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return [(int(file.parent.name), int(file.read_text().split()[0])) for file in files]
    except (FileNotFoundError, ProcessLookupError):
        return []
