"""A message for a normal channel: any shard takes it, and the next one where one is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.outbox import Done, Outbox, Send
from ..core.shares import share_of
from ..errors import ChannelFull, channel_full
from ..names import Address

#: Adds a call to the outbox of a shard.
Add = Callable[[str, Callable[[Outbox, Any], None], Any], None]


class Spread:
    """One message that tries the shards in turn, beginning at the ``turn``-th."""

    def __init__(
        self,
        address: Address,
        body: bytes,
        capacity: int,
        done: Done,
        shards: Sequence[str],
        turn: int,
    ):
        self._address = address
        self._body = body
        self._capacity = capacity
        self._done = done
        order = [shards[(turn + i) % len(shards)] for i in range(len(shards))]
        shares = [(shard, share_of(address.name, capacity, shard, shards)) for shard in order]
        self._left = [(shard, share) for shard, share in shares if share]

    def send(self, add: Add) -> None:
        """Try the next shard."""
        shard, share = self._left.pop(0)

        def done(result: Any, error: BaseException | None) -> None:
            if not isinstance(error, ChannelFull):
                self._done(result, error)
            elif self._left:
                self.send(add)
            else:
                self._done(None, channel_full(self._address.name, self._capacity))

        add(shard, Outbox.send, Send(self._address, self._body, share, done, last=not self._left))
