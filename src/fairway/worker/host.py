"""What a worker asks of whatever it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from ..types import Message


class Job(NamedTuple):
    """Work for one message, and the pool whose slot it takes, if any."""

    pool: str | None
    work: Coroutine[Any, Any, None]


class Host(ABC):
    """Runs code for messages: an application, or plain consumers."""

    #: The normal channels whose messages it takes.
    channels: Sequence[str]

    @abstractmethod
    async def start(self) -> None:
        """Prepare for messages."""

    @abstractmethod
    async def close(self) -> None:
        """The worker is at its end: nothing runs any more."""

    @abstractmethod
    def pools(self, channel: str) -> Sequence[str]:
        """The pools that messages of ``channel`` may need a slot of."""

    @abstractmethod
    def job(self, channel: str, message: Message) -> Job:
        """The work for a message."""

    @abstractmethod
    async def stop(self) -> None:
        """End what would not end by itself: the worker stops."""
