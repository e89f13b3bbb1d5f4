"""python -m benchmarks.structures: what could hold a node's inbox, each read and written bare.

A writer and a reader, in two processes, on redis-py's blocking connection with hiredis. A
write carries a hundred messages, as a batch of concurrent sends does, or a single one.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from statistics import median
from typing import Any

from redis import Redis

from .server_use import uses_of
from .servers import redis_server
from .sheet import Sheet, publish

_BODY = b"x" * 130
_KEY = "inbox"
_BATCH = 100
_BATCHES = 600
_SINGLES = 500
_PAUSE = 0.002
_ROUNDS = 5

#: Ages of a read's messages come from what they hold.
Messages = list[bytes]


class Inbox:
    """How messages are written and read. One object serves one of the two sides."""

    name = ""
    #: What becomes of a reply that the connection loses.
    on_cut = ""

    def __init__(self, address: str):
        self.connection = Redis.from_url(address, protocol=2).connection_pool.make_connection()
        self.connection.connect()

    def begin(self) -> None:
        """Before the first read."""

    def write(self, bodies: Messages) -> None:
        raise NotImplementedError

    def read(self) -> Messages:
        raise NotImplementedError

    def ask(self, *command: Any) -> Any:
        self.connection.send_command(*command)
        return self.connection.read_response()

    def ask_all(self, *commands: tuple[Any, ...]) -> list[Any]:
        self.connection.send_packed_command(self.connection.pack_commands(commands))
        return [self.connection.read_response() for _ in commands]


class List(Inbox):
    name = "list: BLPOP, then LPOP of what is there"
    on_cut = "lost"

    def write(self, bodies: Messages) -> None:
        self.ask("RPUSH", _KEY, *bodies)

    def read(self) -> Messages:
        first = self.ask("BLPOP", _KEY, 0)[1]
        return [first, *(self.ask("LPOP", _KEY, 2 * _BATCH) or ())]


class SafeList(Inbox):
    name = "list: BLMOVE to a second list, LPOP there when read"
    on_cut = "kept"

    def write(self, bodies: Messages) -> None:
        self.ask("RPUSH", _KEY, *bodies)

    def read(self) -> Messages:
        first = self.ask("BLMOVE", _KEY, "taken", "LEFT", "RIGHT", 0)
        move = ("LMOVE", _KEY, "taken", "LEFT", "RIGHT")
        found = [first, *(b for b in self.ask_all(*[move] * _BATCH) if b is not None)]
        self.ask("LPOP", "taken", len(found))
        return found


class Stream(Inbox):
    name = "stream: XREAD from a cursor, XTRIM with the next read"
    on_cut = "read again"

    def begin(self) -> None:
        self.cursor = b"0-0"

    def write(self, bodies: Messages) -> None:
        self.ask("XADD", _KEY, "*", *[part for body in bodies for part in ("f", body)])

    def read(self) -> Messages:
        return self._read("XREAD", "COUNT", 200, "BLOCK", 4000, "STREAMS", _KEY, self.cursor)

    def _read(self, *command: Any) -> Messages:
        ms, _, seq = self.cursor.partition(b"-")
        after = b"%s-%d" % (ms, int(seq) + 1)
        _, reply = self.ask_all(("XTRIM", _KEY, "MINID", after), command)
        entries = reply[0][1]
        self.cursor = entries[-1][0]
        return [body for _, fields in entries for body in fields[1::2]]


class GroupStream(Stream):
    name = "stream: the same by XREADGROUP NOACK (ours)"
    on_cut = "read again"

    def begin(self) -> None:
        super().begin()
        self.ask("XGROUP", "CREATE", _KEY, "node", "0-0", "MKSTREAM")

    def read(self) -> Messages:
        return self._read(
            "XREADGROUP", "GROUP", "node", "n", "COUNT", 200, "BLOCK", 4000, "NOACK",
            "STREAMS", _KEY, ">",
        )  # fmt: skip


class AckedStream(GroupStream):
    name = "stream: XREADGROUP, XACK, XDEL"
    on_cut = "read again"

    def read(self) -> Messages:
        reply = self.ask(
            "XREADGROUP", "GROUP", "node", "n", "COUNT", 200, "BLOCK", 4000, "STREAMS", _KEY, ">"
        )
        entries = reply[0][1]
        ids = [entry_id for entry_id, _ in entries]
        self.ask_all(("XACK", _KEY, "node", *ids), ("XDEL", _KEY, *ids))
        return [body for _, fields in entries for body in fields[1::2]]


class SortedSet(Inbox):
    name = "sorted set: BZPOPMIN, one by one"
    on_cut = "lost"

    def write(self, bodies: Messages) -> None:
        at = time.time()
        marked = [b"%d %s" % (i, body) for i, body in enumerate(bodies)]
        self.ask("ZADD", _KEY, *[part for body in marked for part in (at, body)])

    def read(self) -> Messages:
        return [self.ask("BZPOPMIN", _KEY, 0)[1].partition(b" ")[2]]


INBOXES: list[type[Inbox]] = [List, SafeList, SortedSet, Stream, GroupStream, AckedStream]


def sheets() -> Iterator[Sheet]:
    """What was found."""
    found: dict[str, list[dict[str, float]]] = {inbox.name: [] for inbox in INBOXES}
    for _ in range(_ROUNDS):
        for inbox in INBOXES:
            found[inbox.name].append(_round(inbox))
    lines: dict[str, list[float | str]] = {}
    for inbox in INBOXES:
        rounds = found[inbox.name]
        lines[inbox.name] = [
            max(each["rate"] for each in rounds),
            *(min(each[key] for each in rounds) for key in ("batch", "p50", "single")),
            inbox.on_cut,
        ]
    heading = [
        "structure", "msg/s, by 100", "server µs/msg", "p50 µs, one by one", "server µs/msg",
        "a reply cut off is",
    ]  # fmt: skip
    yield Sheet("structures", heading, lines)


def _round(inbox: type[Inbox]) -> dict[str, float]:
    with redis_server() as address:
        rate, batch = _measure(inbox, address, _write_batches, _BATCH * _BATCHES)[:2]
        _, single, ages = _measure(inbox, address, _write_singles, _SINGLES)
    return {"rate": rate, "batch": batch, "single": single, "p50": median(ages) * 1e6}


def _measure(
    inbox: type[Inbox], address: str, write: Callable[[Inbox], None], count: int
) -> tuple[float, float, list[float]]:
    """Messages per second, the server's µs per message, and ages."""
    Redis.from_url(address).flushall()
    pipe, theirs = multiprocessing.Pipe()
    reader = multiprocessing.Process(target=_read, args=(inbox, address, count, theirs))
    reader.start()
    theirs.close()
    pipe.recv()
    writer = inbox(address)
    before, start = uses_of([address])[0], time.monotonic()
    write(writer)
    wait([pipe, reader.sentinel])
    end, ages = pipe.recv()
    used = (uses_of([address])[0] - before).cpu / count * 1e6
    reader.join()
    return count / (end - start), used, ages


def _write_batches(inbox: Inbox) -> None:
    for _ in range(_BATCHES):
        inbox.write([_stamped()] * _BATCH)


def _write_singles(inbox: Inbox) -> None:
    for _ in range(_SINGLES):
        time.sleep(_PAUSE)
        inbox.write([_stamped()])


def _stamped() -> bytes:
    return b"%.9f %s" % (time.monotonic(), _BODY)


def _read(inbox: type[Inbox], address: str, count: int, pipe: Pipe) -> None:
    reader = inbox(address)
    reader.begin()
    pipe.send("ready")
    ages: list[float] = []
    while len(ages) < count:
        bodies = reader.read()
        now = time.monotonic()
        ages += [now - float(body.partition(b" ")[0]) for body in bodies]
    pipe.send((time.monotonic(), ages))


if __name__ == "__main__":
    publish(sheets())
