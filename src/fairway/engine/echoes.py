"""Reading up: what this node wrote into its own inbox comes back after all that was there."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from ..core.outbox import Done
from ..errors import StoreUnavailable

if TYPE_CHECKING:
    from .engine import Engine


class Echoes:
    """Whom to tell when what this node wrote to itself arrives: by token, with its shard and
    the instant until which it is waited for."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._waiting: dict[str, tuple[str, float, Done]] = {}
        self._tokens = count()
        self._over = False

    async def catch_up(self, shard: str) -> None:
        """Return when all that the shard holds for this node now has been delivered.

        "Now" is after all that was asked of the shard here before. Where the echo doesn't come,
        since the server lost it or isn't read, that is after ``patience`` seconds.
        """
        token = f"{next(self._tokens):x}"
        done, reply = self._engine.reply()
        until = self._engine.mailbox.clock() + self._engine.options.patience
        self._waiting[token] = shard, until, done
        if self._over:  # asked after it was registered, so that none is forgotten by end()
            self.heard(token)
        else:
            try:
                await self._engine.ask_here(shard, "echo", token)
            except StoreUnavailable:  # whoever waits for this will hear it at the next call
                self.heard(token)
        await reply

    async def catch_up_with_all(self) -> None:
        """:meth:`catch_up` with each shard, one after the other."""
        for shard in self._engine.shards:
            await self.catch_up(shard)

    def heard(self, token: str) -> None:
        """All that came before this token was delivered."""
        _, _, done = self._waiting.pop(token, ("", 0, None))
        if done is not None:
            done(None, None)

    def give_up(self, shard: str) -> None:
        """What was to come back from a shard may be gone with all that came before it."""
        for token, (waits_for, _, _) in list(self._waiting.items()):
            if waits_for == shard:
                self.heard(token)

    def expire(self, now: float) -> None:
        """Wait no longer for what should have come back long ago."""
        for token, (_, until, _) in list(self._waiting.items()):
            if until <= now:
                self.heard(token)

    def end(self) -> None:
        """Nothing will be read any more, and nobody is to wait for it."""
        self._over = True
        for token in list(self._waiting):
            self.heard(token)
