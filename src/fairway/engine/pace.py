"""How a node paces itself: what a layer on shards lets its users set, checked."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..core.capacity import Capacities
from ..errors import ConfigurationError
from ..options import check_count, check_seconds
from .engine import EngineOptions


@dataclass(frozen=True)
class Pace:
    """Raises :class:`ConfigurationError` for a value that can't be. Times in seconds."""

    #: Messages of a normal channel taken ahead of its readers.
    prefetch: int
    #: Entries that a node's inbox may hold unread.
    inbox_capacity: int
    heartbeat: float
    lease: float
    #: How long calls wait for a shard that can't be reached.
    patience: float

    def __post_init__(self) -> None:
        check_count("prefetch", self.prefetch)
        check_count("inbox_capacity", self.inbox_capacity)
        check_seconds("patience", self.patience)
        if check_seconds("lease", self.lease) <= 2 * check_seconds("heartbeat", self.heartbeat):
            raise ConfigurationError(
                f"lease is {self.lease!r} and heartbeat {self.heartbeat!r}; "
                "a lease outlasts two heartbeats"
            )

    def options(
        self, expiry: float, group_expiry: float | None, capacities: Capacities
    ) -> EngineOptions:
        """The engine's options at this pace."""
        return EngineOptions(
            expiry=expiry,
            group_expiry=group_expiry,
            capacities=capacities,
            prefetch=self.prefetch,
            heartbeat=self.heartbeat,
            lease=self.lease,
            patience=self.patience,
        )


#: The keys under which settings set it.
PACE_KEYS = [field.name for field in fields(Pace)]
