"""What the tests of the database layer share."""

import json
import os
import time
from collections.abc import Callable

from benchmarks.database_servers import PostgreSQLServer
from django.db import connections

from fairway.database import DatabaseChannelLayer
from fairway.database.connection import Connection
from fairway.database.faults import Conflict
from fairway.database.statements import table_names
from waiting import until, wait_for

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.django_settings"

#: So that leases lapse, and heartbeats come, within the length of a test.
FAST = {"heartbeat": 0.3, "lease": 3.0}

#: The processes that serve clients.
BACKENDS = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND application_name <> 'admin'"
)

MakeLayer = Callable[..., DatabaseChannelLayer]

__all__ = ["BACKENDS", "FAST", "MakeLayer", "backends", "know", "until", "wait_for", "wipe"]


def know(alias: str, settings: dict[str, object]) -> None:
    """Make an alias known, here and in child processes."""
    known = json.loads(os.environ.get("FAIRWAY_DATABASES", "{}"))
    known[alias] = settings
    os.environ["FAIRWAY_DATABASES"] = json.dumps(known)
    complete = connections.configure_settings({"default": {}, alias: dict(settings)})
    connections.settings[alias] = complete[alias]


def backends(server: PostgreSQLServer) -> set[int]:
    """The processes of its clients, once those of clients that left have ended."""
    found: list[set[int]] = [set()]

    def settled() -> bool:
        found.append({pid for (pid,) in server.ask(BACKENDS)})
        time.sleep(0.2)
        return found[-1] == found[-2]

    wait_for(settled, "they come and go")
    return found[-1]


def wipe(alias: str, prefix: str) -> None:
    """Have a database lose what the layer keeps in it."""
    connection = Connection(alias, prefix)
    try:
        # The nodes last: one that is met anew meanwhile would put back what is deleted after that.
        for table in reversed(table_names(prefix).values()):
            _patiently(connection, f"DELETE FROM {table}")
    finally:
        connection.close()


def _patiently(connection: Connection, text: str) -> None:
    while True:
        try:
            connection.execute(text)
            return
        except Conflict:
            connection.rollback()
