"""Creates the layer's tables: on first use, or before, by ``manage.py createchanneltables``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import StoreUnavailable
from .faults import Conflict, Refused
from .features import Features
from .statements import named_parts, table_names

if TYPE_CHECKING:
    from .connection import Connection

#: Attempts while other processes create the same tables, and seconds between them.
_ATTEMPTS = 200
_PAUSE = 0.05


def creation(features: Features, prefix: str) -> Sequence[str]:
    """The statements that create the tables of a prefix, each of which may be there already."""
    words = {**table_names(prefix), **features.schema_words}
    parts = [text.format(**words) for _, text in named_parts("schema.sql")]
    if not features.separate_indexes:
        parts = [text for text in parts if not text.startswith("CREATE INDEX")]
    return [*parts, *(text.format(**words) for text in features.schema_more)]


def ensure(
    connection: Connection, prefix: str, command: str, sleep: Callable[[float], None] = time.sleep
) -> None:
    """See that the tables are there. Safe when many processes do it at once.

    Raises :class:`StoreUnavailable`; for those who may not create them it names ``command``.
    """
    for _ in range(_ATTEMPTS):
        if there(connection, prefix):
            return
        try:
            create(connection, prefix)
        except Conflict:
            connection.rollback()
            sleep(_PAUSE)
        except Refused as error:
            connection.rollback()
            raise Refused(
                "the channel layer's tables are missing and can't be created on first use "
                f"({error}); have an account that may create them run: {command}"
            ) from error
    raise Refused("the channel layer's tables can't be created: others are in the way")


def there(connection: Connection, prefix: str) -> bool:
    """Whether the tables exist: the last one does."""
    try:
        connection.execute(f"SELECT 1 FROM {table_names(prefix)['samples']} WHERE 1 = 0")
    except StoreUnavailable:
        connection.rollback()
        return False
    return True


def create(connection: Connection, prefix: str) -> None:
    """Create the tables that are missing, all or none where the database can."""
    begin, end = connection.features.schema_transaction
    for text in (*begin, *creation(connection.features, prefix), *end):
        connection.execute(text)
