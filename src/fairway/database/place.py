"""Where the layer's connections go: the settings of an alias, changed to its needs.

PostgreSQL and MySQL hold the layer's tables beside the application's. On SQLite, where
one writer locks a whole file, the layer has a file of its own beside the application's:
neither ever waits for the other, and a ``send`` in the middle of the application's
transaction (``ATOMIC_REQUESTS``, a ``TestCase``) can't wait for itself.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any
from zlib import crc32

from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

from .features import Features


def settings_for(alias: str, features: Features) -> dict[str, Any]:
    """The settings for a connection of ours, from what ``DATABASES`` says now."""
    settings = dict(connections.settings[alias])
    options = dict(settings.get("OPTIONS") or {})
    # A pool of the application's: our few connections must not take from it.
    options.pop("pool", None)
    if features.vendor == "sqlite":
        settings["NAME"] = str(file_beside(str(settings["NAME"])))
        options = {"timeout": 20}
    else:
        options.pop("isolation_level", None)
        options.pop("server_side_binding", None)
    return {**settings, "OPTIONS": options, "AUTOCOMMIT": True, "CONN_MAX_AGE": None}


def file_beside(name: str) -> Path:
    """The layer's own file for a SQLite database; a temporary one for a database in memory."""
    if name == ":memory:" or "mode=memory" in name:
        return _file_of_process(name)
    path = Path(name.removeprefix("file:").partition("?")[0])
    return path.with_name(f"{path.stem}.fairway{path.suffix}")


def _file_of_process(name: str) -> Path:
    """What is in memory ends with its process, so this does too."""
    path = Path(tempfile.gettempdir()) / f"fairway-{os.getpid()}-{crc32(name.encode()):x}.sqlite3"
    atexit.register(_remove, path)
    return path


def database_of(alias: str) -> object:
    """Which database an alias means now."""
    return connections.settings[alias]["NAME"]


def rearranges(connection: BaseDatabaseWrapper, alias: str) -> bool:
    """Whether Django makes this connection to make, copy or drop databases on an alias's server.

    For nothing else it connects to a server without naming one of them.
    """
    ours, theirs = connections.settings[alias], connection.settings_dict
    same = all(ours[key] == theirs[key] for key in ("ENGINE", "HOST", "PORT"))
    return same and connection.alias == NO_DB_ALIAS


class OpenFile:
    """A file as it was when it was opened."""

    def __init__(self, path: str):
        self.path = path
        self._identity = self._look()

    def stands(self) -> bool:
        """Whether the path still leads to the same file."""
        return self._look() == self._identity

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            os.unlink(f"{path}{suffix}")
