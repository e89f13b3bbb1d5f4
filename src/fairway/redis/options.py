"""What the connections of a Redis layer need to know."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LinkOptions:
    """What the scripts need to know. Times in seconds."""

    node: str
    expiry: float
    lease: float
    #: How long a group is kept that nobody renews.
    group_kept: float
    #: Entries that a node's inbox may hold unread.
    inbox_capacity: int

    @property
    def expiry_ms(self) -> int:
        return math.ceil(self.expiry * 1000)

    @property
    def lease_ms(self) -> int:
        return math.ceil(self.lease * 1000)

    @property
    def group_kept_ms(self) -> int:
        return math.ceil(self.group_kept * 1000)
