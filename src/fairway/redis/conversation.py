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

#: A command as bytes for the wire.
pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command
#: An argument in them, its length before it.
ARGUMENT = b"$%d\r\n%b\r\n"


class Conversation(ABC):
    """Pipelined commands: they go out at once, replies come to callbacks, in order."""

    #: Puts bytes on the wire.
    _write: Callable[[bytes], object]

    def __init__(self, name: str, clock: Callable[[], float]):
        self._name = name
        self._clock = clock
        #: When something was last heard, or asked after all was answered, on ``clock``.
        self._heard_at = clock()
        self._parser = hiredis.Reader()
        #: Where what arrives is put, for :meth:`take`. The parser reads any buffer, as redis-py
        #: knows too, though its hints say bytes.
        self._heard: Any = bytearray(_HEARD_AT_ONCE)
        #: Who awaits replies, in order.
        self.waiting: deque[OnReply] = deque()
        self._scripts = load_scripts()
        self._closed = False

    def send(self, calls: Sequence[tuple[tuple[Argument, ...], OnReply]]) -> None:
        """Write commands in one go; each callback hears its reply, in order."""
        if self._closed:
            for _, on_reply in calls:
                on_reply(StoreUnavailable(f"the connection to {self._name} is closed"))
            return
        if not self.waiting:
            self._heard_at = self._clock()
        self.waiting.extend(on_reply for _, on_reply in calls)
        self._write(b"".join([pack(command) for command, _ in calls]))

    def send_one(self, command: bytes, on_reply: OnReply) -> None:
        """:meth:`send` a single command, packed already: where it goes alone, time counts."""
        if self._closed:
            on_reply(StoreUnavailable(f"the connection to {self._name} is closed"))
            return
        if not self.waiting:
            self._heard_at = self._clock()
        self.waiting.append(on_reply)
        self._write(command)

    def script(
        self, name: str, keys: Sequence[str], arguments: Sequence[Argument], on_reply: OnReply
    ) -> tuple[tuple[Argument, ...], OnReply]:
        """A call of a script for :meth:`send`. A server that lost the script gets it again."""
        script = self._scripts[name]

        def check(reply: Any) -> None:
            if is_unknown_script(reply):
                self.send([(("EVAL", script.text, len(keys), *keys, *arguments), on_reply)])
            else:
                on_reply(reply)

        return ("EVALSHA", script.sha, len(keys), *keys, *arguments), check

    @abstractmethod
    def abort(self, reason: Exception | None = None) -> None:
        """Drop the connection as if it had broken."""

    def take(self, nbytes: int) -> None:
        """So many bytes were heard: hand each reply in them to whoever waits for it."""
        self._heard_at = self._clock()
        try:
            self._parser.feed(self._heard, 0, nbytes)
            while (reply := self._parser.gets()) is not False:
                if not self.waiting:
                    self.abort()  # a reply to nothing: the stream is out of step
                    return
                self.waiting.popleft()(reply)
                if type(reply) is hiredis.ReplyError and str(reply).startswith(_MISPLACED):
                    self.abort()
        except hiredis.ProtocolError as error:  # whatever is there, it is no Redis
            self.abort(error)

    def _fail_waiting(self, error: Exception | None) -> None:
        """Nobody will hear a reply any more."""
        waiting, self.waiting = self.waiting, deque()
        for on_reply in waiting:
            on_reply(OutcomeUnknown(f"the connection to {self._name} broke: {error or 'closed'}"))


def is_unknown_script(reply: Any) -> bool:
    """Whether the server lost, or never had, the script that it was to run."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT")


def beginning(command: tuple[Argument, ...], more: int) -> bytes:
    """A command whose last arguments, so many, are to follow, each as :data:`ARGUMENT`."""
    return pack((*command, *[b""] * more))[: -more * len(ARGUMENT % (0, b""))]
