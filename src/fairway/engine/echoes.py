"""Reading up: what this node wrote into its own inbox comes back after all that was there."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from ..core.outbox import Done
from ..errors import StoreUnavailable

if TYPE_CHECKING:
    from .engine import Engine


class Echoes:
    """Whom to tell when what this node wrote to itself arrives: by token, with its shard."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._waiting: dict[str, tuple[str, Done]] = {}
        self._tokens = count()

    async def catch_up(self, shard: str) -> None:
        """Return when all that the shard holds for this node now has been delivered."""
        token = f"{next(self._tokens):x}"
        done, reply = self._engine.reply()
        self._waiting[token] = shard, done
        try:
            await self._engine.ask(shard, "echo", token)
        except StoreUnavailable:  # whoever waits for this will hear it at the next call
            self.heard(token)
        await reply

    def heard(self, token: str) -> None:
        """All that came before this token was delivered."""
        _, done = self._waiting.pop(token, ("", None))
        if done is not None:
            done(None, None)

    def give_up(self, shard: str) -> None:
        """What was to come back from a shard may be gone with all that came before it."""
        for token, (waits_for, _) in list(self._waiting.items()):
            if waits_for == shard:
                self.heard(token)
