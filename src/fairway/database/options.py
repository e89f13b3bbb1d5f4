"""What the connections of a database layer need to know."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LinkOptions:
    """Of one node. Times in seconds."""

    node: str
    expiry: float
    lease: float
    #: How long a transaction is tried again while others are in its way.
    patience: float
    #: How often a reader looks although nobody woke it.
    heartbeat: float
    #: Entries that a node's inbox may hold unread.
    inbox_capacity: int

    @property
    def expiry_ms(self) -> int:
        return math.ceil(self.expiry * 1000)

    @property
    def lease_ms(self) -> int:
        return math.ceil(self.lease * 1000)
