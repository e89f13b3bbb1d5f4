"""Flow control as values: who may send one more message, and who owes an acknowledgement.

Numbered messages carry ``order``; an acknowledgement names the last order its
receiver is done with, so a repeated or a late one does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import AnyStr

from . import CHUNK


class Window:
    """The sender's side: numbers its messages and has at most ``size`` of them under way.

    ``next_order`` is the number of the first message.
    """

    def __init__(self, size: int, *, next_order: int = 0):
        self.size = size
        self.next_order = next_order
        self._acknowledged = next_order - 1

    @property
    def last_order(self) -> int:
        """The number of the message that was sent last."""
        return self.next_order - 1

    @property
    def under_way(self) -> int:
        """How many messages are sent and not acknowledged."""
        return self.last_order - self._acknowledged

    @property
    def is_open(self) -> bool:
        """Whether one more message may be sent."""
        return self.under_way < self.size

    def take(self) -> int:
        """The number of the message that is sent now."""
        order = self.next_order
        self.next_order += 1
        return order

    def acknowledge(self, order: int) -> None:
        """The other side is done with everything up to ``order``."""
        self._acknowledged = max(self._acknowledged, min(order, self.last_order))


class Receipts:
    """The receiver's side: what it owes, told with other messages or, in time, on its own."""

    def __init__(self, window: int):
        self._every = max(1, window // 2)
        self._done = self._told = -1

    def done(self, order: int) -> None:
        """The message numbered ``order`` and all before it have been dealt with."""
        self._done = max(self._done, order)

    @property
    def is_due(self) -> bool:
        """Whether the sender would soon have to wait for an acknowledgement."""
        return self._done - self._told >= self._every

    def collect(self) -> int | None:
        """The acknowledgement to send along, if any is owed."""
        if self._done == self._told:
            return None
        self._told = self._done
        return self._done


def pieces(content: AnyStr, size: int = CHUNK) -> Iterator[tuple[AnyStr, bool]]:
    """``content`` in parts of at most ``size``, each with whether more follow; one if empty."""
    for start in range(0, len(content) or 1, size):
        yield content[start : start + size], start + size < len(content)
