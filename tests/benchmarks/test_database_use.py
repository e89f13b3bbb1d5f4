"""What a database server is said to have used for something."""

import json
from pathlib import Path

import psycopg
import pytest
from benchmarks.database_servers import PostgreSQLServer
from benchmarks.database_use import use_of

from waiting import wait_for


def test_a_process_that_ends_meanwhile_takes_back_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As PostgreSQL's vacuum workers do, which come and go by themselves."""
    with PostgreSQLServer() as server:
        monkeypatch.setenv("FAIRWAY_DATABASES", json.dumps({"postgresql": server.settings}))
        with psycopg.connect(
            host="127.0.0.1", port=server.port, user="postgres", dbname="postgres"
        ) as connection:
            connection.execute("SELECT count(*) FROM generate_series(1, 2000000)")
            process = Path(f"/proc/{connection.info.backend_pid}")
            before = use_of("postgresql")
        wait_for(lambda: not process.exists(), "the connection's process stays")
        assert (use_of("postgresql") - before).cpu >= 0
