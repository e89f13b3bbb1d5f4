"""Private PostgreSQL, MariaDB and MySQL servers that can be killed and brought back."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Any

from .foreign_servers import MYSQL, OLDEST_POSTGRESQL, program
from .leash import kill, leashed
from .ports import free_port

#: Seconds a server may take to start.
PATIENCE = 60.0


class DatabaseServer:
    """A server on a free port, with data in a folder of its own. A context manager."""

    title = ""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="fairway-db-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Any:
        self.install()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def install(self) -> None:
        """Create the data folder."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The command line of the server."""
        raise NotImplementedError

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Carry out a statement on a connection of our own."""
        raise NotImplementedError

    def cut_connections(self) -> int:
        """Break every connection of others; how many there were."""
        raise NotImplementedError

    def start(self) -> float:
        """Start it; the monotonic time of its first answer."""
        log = (self.folder / "log").open("ab")
        self._process = leashed(self.command(), cwd=self.folder, stdout=log, stderr=log)
        log.close()
        return self._wait_until_ready()

    def kill(self) -> None:
        """Kill it as a crash would, with all its processes."""
        process, self._process = self._process, None
        if process is not None:
            ended = process.poll() is not None
            kill(process)
            if ended:
                raise RuntimeError(f"{self.title} ended by itself: {self._log()}")

    def _wait_until_ready(self) -> float:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{self.title} ended: {self._log()}")
            try:
                self.ask("SELECT 1")
            except Exception:  # whatever its driver raises while it starts
                time.sleep(0.02)
            else:
                return time.monotonic()
        raise RuntimeError(f"{self.title} does not answer: {self._log()}")

    def _leave_to_nobody(self) -> None:
        """Give the folder to the user as whom the server runs where we are root."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam("nobody")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def _carry_out(self, command: list[str]) -> None:
        """Run a command of the server's, or say what it said."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            said = done.stdout.decode(errors="replace")
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {said}")

    def _log(self) -> str:
        return (self.folder / "log").read_text()[-20_000:]


class PostgreSQLServer(DatabaseServer):
    """PostgreSQL, which refuses to run as root, so that it runs as another then."""

    title = "PostgreSQL"

    def __init__(self, **options: object) -> None:
        super().__init__()
        self._options = options

    @property
    def settings(self) -> dict[str, Any]:
        """For ``DATABASES``."""
        return {
            "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
            "HOST": "127.0.0.1", "PORT": self.port,
        }  # fmt: skip

    def install(self) -> None:
        self.data = self.folder / "data"
        initdb = ["initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-N",
                  "-E", "UTF8", "--locale=C"]  # fmt: skip
        self._leave_to_nobody()
        self._carry_out(self._as_user(initdb))
        with (self.data / "postgresql.conf").open("a") as settings:
            # It counts for whoever asks it to: see database_use.
            settings.write("pg_stat_statements.track = 'none'\n")

    def command(self) -> list[str]:
        options = {
            "port": self.port, "listen_addresses": "127.0.0.1", "fsync": "off",
            "unix_socket_directories": self.folder, "shared_buffers": "64MB",
            "autovacuum_naptime": "5s", "max_connections": 200,
            "shared_preload_libraries": "pg_stat_statements", **self._options,
        }  # fmt: skip
        pairs = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        return self._as_user(["postgres", "-D", str(self.data), *pairs])

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres",
            autocommit=True, application_name="admin", connect_timeout=10,
        ) as connection:  # fmt: skip
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut_connections(self) -> int:
        return len(
            self.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND application_name <> 'admin'"
            )
        )

    def _program(self, name: str) -> str:
        return shutil.which(name) or max(glob(f"/usr/lib/postgresql/*/bin/{name}"))

    def _as_user(self, command: list[str]) -> list[str]:
        words = [self._program(command[0]), *command[1:]]
        return words if os.geteuid() else ["setpriv", "--reuid=nobody", "--clear-groups", *words]


class OldestPostgreSQLServer(PostgreSQLServer):
    """The oldest version that the layer serves, without the extension that counts statements."""

    title = "PostgreSQL 13"

    def __init__(self) -> None:
        super().__init__(shared_preload_libraries="")

    def _program(self, name: str) -> str:
        return program(OLDEST_POSTGRESQL, name)


class _MySQLKin(DatabaseServer):
    """What MariaDB and MySQL have in common; with as little as they run with."""

    @property
    def data(self) -> Path:
        """The folder that holds a folder for each database."""
        return self.folder / "data"

    @property
    def settings(self) -> dict[str, Any]:
        """For ``DATABASES``."""
        return {
            "ENGINE": "django.db.backends.mysql", "NAME": "fairway", "USER": "root",
            "HOST": "127.0.0.1", "PORT": self.port,
        }  # fmt: skip

    def install(self) -> None:
        self._leave_to_nobody()
        self._carry_out(self._installation())

    def command(self) -> list[str]:
        return [
            *self._server(), *self._place(), f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid",
            "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M",
        ]  # fmt: skip

    def _installation(self) -> list[str]:
        """The command that creates the data folder."""
        raise NotImplementedError

    def _server(self) -> list[str]:
        """The server's program, and what only this one knows."""
        raise NotImplementedError

    def _place(self) -> list[str]:
        """Where a server has its files, and as whom it runs."""
        return [
            f"--datadir={self.data}",
            # One that starts deletes the temporary tables of all others in the same place.
            f"--tmpdir={self.folder}",
            *(["--user=nobody"] if os.geteuid() == 0 else []),
        ]

    def start(self) -> float:
        ready = super().start()
        self.ask("CREATE DATABASE IF NOT EXISTS fairway CHARACTER SET utf8mb4")
        return ready

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        from .mysql_driver import MySQLdb

        connection = MySQLdb.connect(
            host="127.0.0.1", port=self.port, user="root", connect_timeout=10
        )
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            rows = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
            return rows
        finally:
            connection.close()

    def cut_connections(self) -> int:
        found = [
            id for id, database in self.ask("SELECT id, db FROM information_schema.processlist")
            if database == "fairway"
        ]  # fmt: skip
        for id in found:
            with suppress(Exception):  # it ended by itself
                self.ask(f"KILL {id}")
        return len(found)


class MariaDBServer(_MySQLKin):
    """MariaDB."""

    title = "MariaDB"

    def _installation(self) -> list[str]:
        return [
            "mariadb-install-db", "--no-defaults", *self._place(),
            "--auth-root-authentication-method=normal", "--skip-test-db",
        ]  # fmt: skip

    def _server(self) -> list[str]:
        found = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        return [found or "mariadbd", "--no-defaults", "--skip-name-resolve"]


class MySQLServer(_MySQLKin):
    """MySQL, with the binary log that it has unless told otherwise."""

    title = "MySQL"

    def _installation(self) -> list[str]:
        return [*self._mysqld(), "--initialize-insecure", *self._place()]

    def _server(self) -> list[str]:
        return [
            *self._mysqld(), "--mysqlx=OFF", "--sync-binlog=0", "--max-connections=200",
            "--secure-file-priv=NULL",  # its folder is one that only an installation makes
            "--tls-version=",  # PyMySQL would take it, and several turns of Python for each packet
        ]  # fmt: skip

    @staticmethod
    def _mysqld() -> list[str]:
        found = Path(program(MYSQL, "mysqld"))
        return [str(found), "--no-defaults", f"--basedir={found.parent.parent}"]


_SERVERS: dict[str, type[DatabaseServer]] = {
    "postgresql": PostgreSQLServer, "mariadb": MariaDBServer, "mysql": MySQLServer,
}  # fmt: skip


@contextmanager
def told_to_processes(store: str) -> Iterator[None]:
    """A fresh database of this kind: ``django_settings`` finds it in the environment."""
    with ExitStack() as stack:
        databases = {store: _settings(store, stack)}
        if store == "postgresql":
            databases["default"] = databases[store]  # the peer's models are in no other
        tell_processes(databases)
        if store == "postgresql":
            migrate = [sys.executable, "-m", "django", "migrate", "-v0"]
            subprocess.run(migrate, check=True)
        yield


def tell_processes(databases: dict[str, dict[str, Any]]) -> None:
    """Have processes that are started from now on find these ``DATABASES``."""
    os.environ["FAIRWAY_DATABASES"] = json.dumps(databases)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.django_settings"


def _settings(store: str, stack: ExitStack) -> dict[str, Any]:
    if store == "sqlite":
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fairway-sqlite-"))
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db.sqlite3"}
    server = stack.enter_context(_SERVERS[store]())
    return server.settings


def peer_layer() -> Any:
    """channels_postgres on the database of these processes."""
    import django

    django.setup()
    from channels_postgres.core import PostgresChannelLayer
    from django.db import connections

    return PostgresChannelLayer(**connections.settings["postgresql"])
