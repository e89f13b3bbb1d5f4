"""Reads a node's inbox: a stream whose only reader keeps the cursor.

A connection that breaks loses nothing: of what the server still has, all is read again
that was not delivered. Reading through a consumer group (without a list of pending
entries) makes the server remember up to where replies went, so that whoever buries a dead
node knows which entries it certainly never saw.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import hiredis

from ..errors import StoreUnavailable
from ..store import Reader
from .connection import RedisConnection
from .conversation import Argument, pack
from .delivered import Delivered

#: Entries per reply; each may hold a batch of messages.
_COUNT = 200
#: Milliseconds a read waits at the server: a live line is never silent for longer.
_BLOCK = 4000
#: Milliseconds of quiet after which what was read is dropped, and how much of it, in entries and
#: bytes, may stand until then: a reply to each trimming would wake the reader once more.
_QUIET = 1000
_ENTRIES_KEPT = 32
_BYTES_KEPT = 65536

#: The beginning of a stream.
START = b"0-0"


class RedisFeed:
    """Delivers the inbox to ``reader``, entry by entry, in order, each once."""

    def __init__(
        self,
        connection: RedisConnection,
        inbox: str,
        reader: Reader,
        delivered: Delivered,
        bound: int,
    ):
        self._connection = connection
        self._inbox = inbox
        self._reader = reader
        self._delivered = delivered
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._group = secrets.token_hex(4)
        self._read_for_a_moment, self._read_for_long = map(pack, map(self._read, (_QUIET, _BLOCK)))
        #: Entries that were read and stand in the stream, which count as far as it is bounded.
        self._entries = self._bytes = 0
        self._entries_kept = min(_ENTRIES_KEPT, bound // 16)

    async def begin(self) -> None:
        """Read what is there and was not read yet, then go on reading as it comes."""
        connection, reader = self._connection, self._reader
        was_read, last = await connection.ask_script("begin", [self._inbox], [self._group])
        if was_read:
            await self._catch_up(last)
        elif reader.cursor != START:
            reader.cursor = START
            reader.lost_data()
        self._next(quiet=True)

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._connection.close()

    async def _catch_up(self, last: bytes) -> None:
        """Deliver what is there; ``last`` is where the stream ended when this feed began."""
        after, forgotten = b"-", _key(self._delivered.forgotten)
        while True:
            entries = await self._connection.ask("XRANGE", self._inbox, after, "+", "COUNT", _COUNT)
            self._entries += len(entries)
            # A server that crashed may have again what was read and dropped before.
            self._deliver([entry for entry in entries if _key(entry[0]) > forgotten])
            if entries:
                last = max(last, entries[-1][0], key=_key)
            if len(entries) < _COUNT:
                # On a replica that took over, this may be before what was read elsewhere.
                self._reader.cursor = last
                return
            after = b"(" + entries[-1][0]

    def _next(self, quiet: bool = False) -> None:
        """Wait for more; if it is time to, drop what was read from the stream before."""
        if not self._closed:
            self._read_on(quiet)
        self._reader.settle()

    def _read_on(self, quiet: bool) -> None:
        much = self._entries > self._entries_kept or self._bytes > _BYTES_KEPT
        if much or (quiet and self._entries):
            self._entries = self._bytes = 0
            trim = ("XTRIM", self._inbox, "MINID", _after(self._reader.cursor))
            self._connection.send([(trim, _ignore), (self._read(_BLOCK), self._on_reply)])
        else:
            again = self._read_for_a_moment if self._entries else self._read_for_long
            self._connection.send_one(again, self._on_reply)

    def _read(self, block: int) -> tuple[Argument, ...]:
        return (
            "XREADGROUP", "GROUP", self._group, "n", "COUNT", _COUNT,
            "BLOCK", block, "NOACK", "STREAMS", self._inbox, ">",
        )  # fmt: skip

    def _on_reply(self, reply: Any) -> None:
        if self._closed:
            return
        if type(reply) is list:  # nearly always
            entries = reply[0][1]
            self._entries += len(entries)
            self._deliver(entries)
        elif isinstance(reply, StoreUnavailable):
            return
        elif isinstance(reply, hiredis.ReplyError):
            # The stream or its group is gone: begin again, on a new connection.
            self._connection.abort()
            return
        # Readers that were woken go first: a write to the socket takes as long as they do.
        self._loop.call_soon(self._next, not reply)

    def _deliver(self, entries: list[Any]) -> None:
        reader = self._reader
        with reader.lock:
            if reader.over:
                return
            for entry_id, fields in entries:
                if fields is None or not self._delivered.is_new(entry_id, fields):
                    continue
                # First, so that whatever delivering it leads to, no entry is delivered twice.
                reader.cursor = entry_id
                if len(fields) == 2:  # alone, it is not to wait for what others need
                    self._bytes += len(fields[1])
                    pairs = [(fields[0], fields[1])]
                else:
                    values = fields[1::2]
                    self._bytes += sum(map(len, values))
                    pairs = list(zip(fields[::2], values, strict=True))
                reader.deliver(int(entry_id.partition(b"-")[0]), pairs)


def _key(entry_id: bytes) -> tuple[int, int]:
    ms, _, seq = entry_id.partition(b"-")
    return int(ms), int(seq)


def _after(entry_id: bytes) -> str:
    ms, seq = _key(entry_id)
    return f"{ms}-{seq + 1}"


def _ignore(reply: Any) -> None:
    """What is not dropped now is with what is read later."""
