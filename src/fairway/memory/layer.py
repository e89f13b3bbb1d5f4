"""The contract over a :class:`MemoryStore`."""

from __future__ import annotations

from collections.abc import Mapping
from re import Pattern
from typing import Any, ClassVar

from ..codec import MAX_MESSAGE_SIZE
from ..layer import ChannelLayer
from ..options import check_known
from .store import MemoryStore

_OPTIONS = [
    "expiry", "group_expiry", "capacity", "channel_capacity", "max_message_size", "store",
]  # fmt: skip


class InMemoryChannelLayer(ChannelLayer):
    """A channel layer within one process: threads and event loops, no server.

    Layers given the same ``store`` reach one another; each is a node of its own.
    Other options: see :class:`ChannelLayer`.
    """

    cross_process: ClassVar[bool] = False
    store: MemoryStore

    def __init__(
        self,
        *,
        expiry: float = 60,
        group_expiry: float | None = 86400,
        capacity: int = 100,
        channel_capacity: Mapping[str | Pattern[str], int] | None = None,
        max_message_size: int = MAX_MESSAGE_SIZE,
        store: MemoryStore | None = None,
        **unknown: Any,
    ):
        check_known(unknown, _OPTIONS, type(self).__name__)
        self._given_store = store
        super().__init__(
            expiry=expiry,
            group_expiry=group_expiry,
            capacity=capacity,
            channel_capacity=channel_capacity,
            max_message_size=max_message_size,
        )

    def _make_store(self, node: str) -> MemoryStore:
        return self._given_store or MemoryStore(
            expiry=self.expiry, group_expiry=self.group_expiry, capacities=self.capacities
        )

    async def close(self) -> None:
        self.store.forget_node(self.node)
        if self._given_store is None:
            await self.store.close()
        self._begin()
