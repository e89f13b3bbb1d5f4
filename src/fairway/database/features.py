"""What differs between databases, as flags and words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import ConfigurationError

#: What an error of the driver means for the transaction that met it: others were in its
#: way and it may be repeated; the connection is of no use any more; it can't be done.
Fate = Literal["conflict", "broken", "refused"]


@dataclass(frozen=True)
class Features:
    """One database."""

    vendor: str
    title: str
    #: The oldest version that will do.
    oldest: tuple[int, ...]
    placeholder: str
    begin: str
    #: Asks for the server's version.
    version: str
    #: Milliseconds since 1970 by the server's clock.
    now: str
    schema_words: Mapping[str, str]
    #: What stands before and after the creation of tables, so that it happens once.
    schema_transaction: tuple[Sequence[str], Sequence[str]] = ((), ())
    #: What the tables need besides.
    schema_more: Sequence[str] = ()
    #: Whether indexes are created by statements of their own.
    separate_indexes: bool = True
    #: What each session begins with.
    session: Sequence[str] = ()
    #: Whether one round trip takes several statements.
    together: bool = False
    #: Whether the server wakes readers.
    notifies: bool = False
    #: Whether ``SELECT … FOR UPDATE`` locks rows; where not, a transaction locks everything.
    locks_rows: bool = True
    #: Bytes of messages that one row of an inbox takes, unless a single one is longer.
    row_bytes: int = 60_000

    def translate(self, statement: str) -> str:
        """A statement of ours in this database's words."""
        if not self.locks_rows:
            statement = statement.replace(" FOR UPDATE", "")
        return statement

    def fate(self, error: Exception, connection: Any) -> Fate:
        """What an error means."""
        raise NotImplementedError


class SQLite(Features):
    """One writer at a time, in a file next to the application's."""

    def fate(self, error: Exception, connection: Any) -> Fate:
        text = str(error)
        if "locked" in text or "busy" in text:
            return "conflict"
        gone = (
            "no such table",
            "disk I/O",
            "malformed",
            "readonly",
            "unable to open",
            "not a data",
        )
        return "broken" if any(word in text for word in gone) else "refused"


class PostgreSQL(Features):
    """Rows are locked one by one; NOTIFY wakes readers."""

    def fate(self, error: Exception, connection: Any) -> Fate:
        state = getattr(error, "sqlstate", None) or ""
        if state in ("40001", "40P01", "55P03", "0A000"):
            return "conflict"
        if connection is None or connection.closed or state in ("42P01", "25P03") or not state:
            return "broken"
        if state == "25006":  # read-only after a failover: the name leads to another server
            return "broken"
        return "broken" if state[:2] in ("08", "57") else "refused"


class MySQL(Features):
    """MySQL and MariaDB."""

    def translate(self, statement: str) -> str:
        if "ON CONFLICT DO NOTHING" in statement:
            statement = statement.replace("INSERT INTO", "INSERT IGNORE INTO")
            statement = statement.replace(" ON CONFLICT DO NOTHING", "")
        statement = re.sub(
            r"ON CONFLICT \([^)]*\) DO UPDATE SET", "ON DUPLICATE KEY UPDATE", statement
        )
        return re.sub(r"excluded\.(\w+)", r"VALUES(\1)", statement)

    def fate(self, error: Exception, connection: Any) -> Fate:
        number = error.args[0] if error.args else None
        if number in (1205, 1213, 1020):
            return "conflict"
        lost = (0, 1053, 1146, 1317, 1927, 2002, 2003, 2006, 2013, 2055, 4031)
        read_only = (1290, 1792, 1836)  # after a failover: the name leads to another server
        return "broken" if number in (None, *lost, *read_only) else "refused"


_INDEXES = {"key_node": "", "key_ends": ""}

_SQLITE = SQLite(
    vendor="sqlite",
    title="SQLite",
    oldest=(3, 31),
    placeholder="?",
    begin="BEGIN IMMEDIATE",
    version="SELECT sqlite_version()",
    now="CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    schema_words={
        "create": "CREATE TABLE", "name": "TEXT", "bytes": "BLOB",
        "busy": "WITHOUT ROWID", "bulk": "WITHOUT ROWID", **_INDEXES,
    },
    schema_transaction=(["BEGIN IMMEDIATE"], ["COMMIT"]),
    # What is stored is worth nothing after a crash of the machine: no waiting for the disk.
    session=["PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF"],
    locks_rows=False,
)  # fmt: skip

# Rows come and go all the time, so that a fifth of them is no measure for when to clean up.
_VACUUM = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000"

_POSTGRESQL = PostgreSQL(
    vendor="postgresql",
    title="PostgreSQL",
    oldest=(13,),
    placeholder="%s",
    begin="BEGIN ISOLATION LEVEL READ COMMITTED",
    version="SHOW server_version",
    now="CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    schema_words={
        "create": "CREATE UNLOGGED TABLE", "name": 'TEXT COLLATE "C"', "bytes": "BYTEA",
        "busy": f"WITH (fillfactor = 40, {_VACUUM})",
        "bulk": f"WITH ({_VACUUM})", **_INDEXES,
    },
    schema_transaction=(["BEGIN", "SELECT pg_advisory_xact_lock(7012019384)"], ["COMMIT"]),
    schema_more=[
        # Rows are made to fit a page: cut into pieces or compressed they would cost more.
        "ALTER TABLE {inbox} SET (toast_tuple_target = 8160)",
        "ALTER TABLE {inbox} ALTER COLUMN body SET STORAGE EXTERNAL",
        "ALTER TABLE {queue} ALTER COLUMN body SET STORAGE EXTERNAL",
    ],
    session=[
        # Statements that are transactions in themselves would be what the role is used to.
        "SET default_transaction_isolation = 'read committed'",
        # A client that freezes within a transaction must not hold others up for long.
        "SET idle_in_transaction_session_timeout = '10s'",
        # Plans are made once, when the tables may be empty; they won't stay so.
        "SET plan_cache_mode = force_generic_plan",
        "SET enable_seqscan = off",
        # Which makes those that have no index look so dear that they would be compiled each time.
        "SET jit = off",
    ],
    together=True,
    notifies=True,
    row_bytes=7_000,
)  # fmt: skip

_MYSQL = MySQL(
    vendor="mysql",
    title="MySQL",
    oldest=(8,),
    placeholder="%s",
    begin="START TRANSACTION",
    version="SELECT VERSION()",
    now="CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    schema_words={
        "create": "CREATE TABLE", "name": "VARCHAR(110) CHARACTER SET ascii COLLATE ascii_bin",
        "bytes": "LONGBLOB", "busy": "ENGINE = InnoDB", "bulk": "ENGINE = InnoDB",
        "key_node": ", KEY (node)", "key_ends": ", KEY (ends)",
    },
    separate_indexes=False,
    session=[
        "SET SESSION innodb_lock_wait_timeout = 5",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    ],
)  # fmt: skip

_BY_VENDOR = {features.vendor: features for features in (_SQLITE, _POSTGRESQL, _MYSQL)}


def features_of(vendor: str, alias: str) -> Features:
    """The features of a Django backend's ``vendor``; :class:`ConfigurationError` without any."""
    try:
        return _BY_VENDOR[vendor]
    except KeyError:
        raise ConfigurationError(
            f"alias {alias!r} is a database of Django's vendor {vendor!r}; the database layer "
            "knows how to lock rows and be woken on sqlite, postgresql and mysql (MariaDB too)"
        ) from None
