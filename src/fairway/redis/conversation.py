"""Commands to a Redis server and their replies, whatever socket carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis

from ..errors import OutcomeUnknown, StoreUnavailable
from .scripting import load_scripts

#: A reply, or the error that stands for it.
OnReply = Callable[[Any], None]
Argument = str | bytes | int | float

#: Replies of a server that isn't, or isn't yet, the one to talk to: to be found anew.
_MISPLACED = ("READONLY", "MASTERDOWN", "LOADING")

#: Bytes heard at once. To make room for them anew each time would take as long as to hear them.
_HEARD_AT_ONCE = 262144

_pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command


class Conversation(ABC):
    """Pipelined commands: they go out at once, replies come to callbacks, in order."""

    def __init__(self, name: str):
        self._name = name
        self._parser = hiredis.Reader()
        #: Where what arrives is put, for :meth:`_take`. The parser reads any buffer, as redis-py
        #: knows too, though its hints say bytes.
        self._heard: Any = bytearray(_HEARD_AT_ONCE)
        self._waiting: deque[OnReply] = deque()
        self._scripts = load_scripts()
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether no reply is awaited."""
        return not self._waiting

    def send(self, calls: Sequence[tuple[tuple[Argument, ...], OnReply]]) -> None:
        """Write commands in one go; each callback hears its reply, in order."""
        if self._closed:
            for _, on_reply in calls:
                on_reply(StoreUnavailable(f"the connection to {self._name} is closed"))
            return
        if not self._waiting:
            self._becomes_busy()
        self._waiting.extend(on_reply for _, on_reply in calls)
        self._write(b"".join([_pack(command) for command, _ in calls]))

    def script(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument], on_reply: OnReply
    ) -> tuple[tuple[Argument, ...], OnReply]:
        """A call of a script for :meth:`send`. A server that lost the script gets it again."""
        script = self._scripts[name]

        def check(reply: Any) -> None:
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
                self.send([(("EVAL", script.text, len(keys), *keys, *arguments), on_reply)])
            else:
                on_reply(reply)

        return ("EVALSHA", script.sha, len(keys), *keys, *arguments), check

    @abstractmethod
    def abort(self, reason: Exception | None = None) -> None:
        """Drop the connection as if it had broken."""

    @abstractmethod
    def _write(self, data: bytes) -> None:
        """Put bytes on the wire."""

    def _becomes_busy(self) -> None:
        """Nothing was awaited, and now something is."""
        return

    def _take(self, size: int) -> None:
        """So many bytes were heard: hand each reply in them to whoever waits for it."""
        try:
            self._hand_out(size)
        except hiredis.ProtocolError as error:  # whatever is there, it is no Redis
            self.abort(error)

    def _hand_out(self, size: int) -> None:
        self._parser.feed(self._heard, 0, size)
        while (reply := self._parser.gets()) is not False:
            if not self._waiting:
                self.abort()  # a reply to nothing: the stream is out of step
                return
            self._waiting.popleft()(reply)
            if type(reply) is hiredis.ReplyError and str(reply).startswith(_MISPLACED):
                self.abort()

    def _fail_waiting(self, error: Exception | None) -> None:
        """Nobody will hear a reply any more."""
        waiting, self._waiting = self._waiting, deque()
        for on_reply in waiting:
            on_reply(OutcomeUnknown(f"the connection to {self._name} broke: {error or 'closed'}"))
