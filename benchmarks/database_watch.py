"""What an administrator sees of a database: how large its tables are, and who waits."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .database_servers import MariaDBServer, PostgreSQLServer


class Watch:
    """Of one database with a layer's tables and an application on it."""

    alias = ""
    title = ""
    settings: dict[str, Any]

    def __init__(self) -> None:
        #: The application's connection, as the server calls it.
        self.application = 0
        #: Seconds of the layer's longest transaction that was seen, and how many transactions
        #: were seen that waited for a lock: the layer's own, the application's.
        self.longest = 0.0
        self.waits = 0
        self.waits_of_application = 0
        self.looks = 0

    def size(self) -> int:
        """Bytes of the layer's tables, with their indexes."""
        raise NotImplementedError

    def look(self) -> None:
        """Note which transactions there are now."""
        self.looks += 1
        for connection, seconds, waits in self.transactions():
            if connection == self.application:
                self.waits_of_application += waits
            else:
                self.waits += waits
                self.longest = max(self.longest, seconds)

    def transactions(self) -> list[tuple[int, float, bool]]:
        """Those open now: the connection, its age in seconds, whether it waits for a lock."""
        raise NotImplementedError


class _OnServer(Watch):
    _OPEN = ""

    def __init__(self, server: PostgreSQLServer | MariaDBServer):
        super().__init__()
        self.server = server
        self.title = server.title
        self.settings = server.settings

    def transactions(self) -> list[tuple[int, float, bool]]:
        found = self.server.ask(self._OPEN)
        return [(int(id), float(seconds), bool(waits)) for id, seconds, waits in found]


class PostgreSQL(_OnServer):
    """By ``pg_stat_activity``."""

    alias = "postgresql"
    _OPEN = (
        "SELECT pid, EXTRACT(EPOCH FROM clock_timestamp() - xact_start), "
        "COALESCE(wait_event_type = 'Lock', false) FROM pg_stat_activity "
        "WHERE xact_start IS NOT NULL AND backend_type = 'client backend' "
        "AND application_name <> 'admin'"
    )

    def __init__(self, server: PostgreSQLServer):
        super().__init__(server)

    def size(self) -> int:
        asked = "SELECT SUM(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
        ((size,),) = self.server.ask(f"{asked} AND relname LIKE 'fairway1%'")
        return int(size)


class MariaDB(_OnServer):
    """By ``innodb_trx``, which tells ages in whole seconds."""

    alias = "mariadb"
    _OPEN = (
        "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()), "
        "trx_state = 'LOCK WAIT' FROM information_schema.innodb_trx"
    )

    def __init__(self, server: MariaDBServer):
        super().__init__(server)
        self._files = server.data / "fairway"

    def size(self) -> int:
        return _bytes_in(self._files, "fairway1_*.ibd")


class SQLite(Watch):
    """By the layer's file; the application's is another, so that neither waits for the other."""

    alias = "sqlite"
    title = "SQLite"

    def __init__(self, stack: ExitStack):
        super().__init__()
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fairway-sqlite-"))
        self._folder = Path(folder)
        self.settings = {
            "ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3",
        }  # fmt: skip

    def size(self) -> int:
        return _bytes_in(self._folder, "db.fairway.sqlite3*")

    def transactions(self) -> list[tuple[int, float, bool]]:
        return []


def _bytes_in(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))
