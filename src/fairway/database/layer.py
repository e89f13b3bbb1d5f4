"""The contract over an alias of Django's ``DATABASES``."""

from __future__ import annotations

import re
import time
from asyncio import events
from collections.abc import Mapping, Sequence
from re import Pattern
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ..codec import MAX_MESSAGE_SIZE
from ..engine import PACE_KEYS, Engine, Pace
from ..errors import ConfigurationError
from ..layer import ChannelLayer
from ..options import check_known
from .connection import features_for
from .options import LinkOptions
from .place import database_of, rearranges
from .queries import START
from .shard import DatabaseShard

_OPTIONS = [
    "alias", "prefix", "expiry", "group_expiry", "capacity", "channel_capacity",
    "symmetric_encryption_keys", "max_message_size", *PACE_KEYS,
]  # fmt: skip

_PREFIX = re.compile(r"[a-z0-9_]{1,24}")


class DatabaseChannelLayer(ChannelLayer):
    """A channel layer on SQLite, PostgreSQL, MySQL or MariaDB.

    ``alias``: of ``DATABASES``. ``prefix``: part of the names of the layer's tables.
    ``prefetch``: messages of a normal channel taken ahead of its readers.
    ``inbox_capacity``: unread batches that a process may leave in the database.
    ``heartbeat``, ``lease``: seconds between signs of life, and after the last one until
    a process counts as dead. ``patience``: seconds a call waits for a database that can't
    be reached. Other options: see :class:`ChannelLayer`.
    """

    store: Engine

    def __init__(
        self,
        alias: str = "default",
        prefix: str = "asgi",
        expiry: float = 60,
        group_expiry: float | None = 86400,
        capacity: int = 100,
        channel_capacity: Mapping[str | Pattern[str], int] | None = None,
        symmetric_encryption_keys: Sequence[str | bytes] | None = None,
        *,
        max_message_size: int = MAX_MESSAGE_SIZE,
        prefetch: int = 1000,
        inbox_capacity: int = 10_000,
        heartbeat: float = 2.0,
        lease: float = 10.0,
        patience: float = 5.0,
        **unknown: Any,
    ):
        check_known(unknown, _OPTIONS, type(self).__name__)
        features_for(alias)
        self.alias = alias
        self.prefix = check_prefix(prefix)
        self._pace = Pace(prefetch, inbox_capacity, heartbeat, lease, patience)
        super().__init__(
            expiry=expiry,
            group_expiry=group_expiry,
            capacity=capacity,
            channel_capacity=channel_capacity,
            max_message_size=max_message_size,
            symmetric_encryption_keys=symmetric_encryption_keys,
        )
        connection_created.connect(self._make_way)  # which keeps a weak reference

    def _make_way(self, connection: BaseDatabaseWrapper, **_: object) -> None:
        """Close, and begin anew, where Django's test runner rearranges databases.

        It can't copy or drop one while anybody is connected; and the alias becomes another.
        """
        moved = connection.alias == self.alias and self._database != database_of(self.alias)
        # In a running loop, where Django connects to nothing, this could not be awaited.
        if (moved or rearranges(connection, self.alias)) and events._get_running_loop() is None:
            self.store.run(self.close())

    def _make_store(self, node: str) -> Engine:
        self._database = database_of(self.alias)
        pace = self._pace
        link_options = LinkOptions(
            node=node,
            expiry=self.expiry,
            lease=pace.lease,
            # Others in the way, unlike a server that is gone, will be out of it.
            patience=4 * pace.patience,
            heartbeat=pace.heartbeat,
            inbox_capacity=pace.inbox_capacity,
        )
        shard = DatabaseShard(self.alias, self.prefix, link_options)
        options = pace.options(self.expiry, self.group_expiry, self.capacities)
        return Engine(node, [shard], options, time.monotonic, START)


def check_prefix(prefix: str) -> str:
    """A prefix that can be part of a table's name."""
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            f"prefix is {prefix!r}; it becomes part of table names: 1 to 24 lower-case ASCII "
            "letters, digits and underscores"
        )
    return prefix
