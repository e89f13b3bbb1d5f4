"""System checks that ask: do the servers answer, are the tables there?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import Error as DatabaseError
from django.db import connections

from ..errors import ConfigurationError
from .configuration import database_places, known_backends, sound_entries
from .mistakes import listed

#: Seconds that a server has to answer in.
PATIENCE = 2.0

#: Asks whether the account may create tables, by Django's name of the database.
_MAY_CREATE = {"postgresql": "SELECT has_schema_privilege(current_schema(), 'CREATE')"}


# -- Redis ----------------------------------------------------------------------------------


def check_answers(**_: Any) -> list[CheckMessage]:
    """Each of the ``hosts`` of a Redis layer answers."""
    return [
        Warning(
            f"CHANNEL_LAYERS[{alias!r}]: {name} doesn't answer: {problem}",
            hint="Start it, or write where it is under 'hosts'; a password, a user or TLS may "
            "be what is missing there.",
            id="fairway.W002",
        )
        for alias, layer_class in known_backends().items()
        for name, problem in _unanswered(alias, layer_class).items()
    ]


def _unanswered(alias: str, layer_class: Any) -> dict[str, str]:
    """The servers of an alias's layer that don't answer; none if it is no Redis layer."""
    try:
        from ..redis import RedisChannelLayer
        from ..redis.probing import unanswered
    except ImportError:
        return {}
    if not issubclass(layer_class, RedisChannelLayer):
        return {}
    hosts = sound_entries()[alias].get("CONFIG", {}).get("hosts")
    try:
        return asyncio.run(unanswered(hosts, PATIENCE))
    except ConfigurationError:  # check_layers tells it
        return {}


# -- databases ------------------------------------------------------------------------------


def check_tables(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The tables of a database layer are there, or will be there on first use."""
    return [
        problem
        for alias, database, prefix in database_places(known_backends())
        if database in (databases or ())
        for problem in _table_problems(f"CHANNEL_LAYERS[{alias!r}]", database, prefix)
    ]


def _table_problems(where: str, database: str, prefix: str) -> Iterator[CheckMessage]:
    from ..database.statements import table_names

    try:
        missing, creatable = _look(database, set(table_names(prefix).values()))
    except DatabaseError as error:
        text = f"{where}: database {database!r}: {error}"
        yield Warning(text, hint=f"See DATABASES[{database!r}].", id="fairway.W002")
        return
    command = f"manage.py createchanneltables --database {database}"
    hint = f"Have an account that may create tables run `{command}`."
    text = f"{where}: database {database!r} has no tables {listed(sorted(missing))}"
    if missing and creatable is None:
        text += "; they are created on first use, if the account may"
        yield Warning(text, hint=hint, id="fairway.W004")
    elif missing and not creatable:
        text += ", and the account may not create them"
        yield Error(text, hint=hint, id="fairway.E009")


def _look(database: str, wanted: set[str]) -> tuple[set[str], bool | None]:
    """The tables that are missing, and whether they can be created; None if nobody knows."""
    connection = connections[database]
    if connection.vendor == "sqlite":
        return wanted, _may_write(str(connection.settings_dict["NAME"]))
    missing = wanted - set(connection.introspection.table_names())
    if connection.vendor not in _MAY_CREATE:
        return missing, None
    with connection.cursor() as cursor:
        cursor.execute(_MAY_CREATE[connection.vendor])
        return missing, bool(cursor.fetchone()[0])


def _may_write(name: str) -> bool:
    """Whether the layer can have a file of its own beside the application's."""
    from ..database.place import file_beside

    path = Path(file_beside(name))
    return os.access(path if path.exists() else path.parent, os.W_OK)
