"""PostgreSQL's simple protocol, spoken through psycopg's wrapper of libpq.

Several statements go in one message, and their results come back as they are: half the
time of a cursor's, where a transaction takes two such round trips.
"""

from __future__ import annotations

import re
import select
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from psycopg import errors, pq

#: Statements that are planned once, after how many uses, and how long they may be.
_MOST_PREPARED = 500
_PREPARED_AFTER = 2
_LONG = 3000

#: Milliseconds after which a server that says nothing, and takes nothing, is taken for gone.
_SILENCE_MS = 30_000

_INTEGERS = (20, 21, 23, 1700)
_BYTES = 17


class Wire:
    """For one psycopg connection, in autocommit, which nothing else uses meanwhile."""

    def __init__(self, raw: Any):
        self._pgconn: Any = raw.pgconn
        self._escaping = pq.Escaping(self._pgconn)
        self._poll = select.poll()
        self._poll.register(raw.fileno(), select.POLLIN)
        #: Whether statements may be prepared, for the session is ours alone.
        self.prepares = False
        self._names: dict[str, str] = {}
        self._uses: dict[str, int] = {}
        #: Preparations that go before the statements of this call.
        self._fresh: dict[str, str] = {}
        self._number = 0

    @property
    def direct(self) -> bool:
        """Whether our session is one at the server: a pooler tells another process id."""
        (((pid,),),) = self.run([("SELECT pg_backend_pid()", [])])
        return bool(pid == self._pgconn.backend_pid)

    def run(self, rendered: Iterable[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The rows, or the number of rows touched, of each statement."""
        texts: list[str] = []
        for text, values in rendered:
            literals = list(map(self._literal, values))
            texts.append(self._execution(text, literals) if values else text)
        fresh, self._fresh = self._fresh, {}
        try:
            answers = self._send([*fresh.values(), *texts])
        except errors.Error:
            for text in fresh:  # whether the server has these now is not known
                del self._names[text]
            raise
        return answers[len(fresh) :]

    def rollback(self) -> None:
        """End a transaction, if there is one; a statement that never ends, with its session."""
        status = self._pgconn.transaction_status
        if status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
            self._send(["ROLLBACK"])
        elif status == pq.TransactionStatus.ACTIVE:
            self._pgconn.finish()

    def _execution(self, text: str, literals: list[str]) -> str:
        """A statement with its values; planning it costs twice what carrying it out does."""
        if self.prepares:
            name = self._names.get(text) or self._prepare(text)
            if name:
                return f"EXECUTE {name}({', '.join(literals)})"
        return text % tuple(literals)

    def _prepare(self, text: str) -> str | None:
        if len(text) > _LONG or len(self._names) >= _MOST_PREPARED:
            return None
        uses = self._uses[text] = self._uses.get(text, 0) + 1
        if uses <= _PREPARED_AFTER:
            return None
        self._number += 1
        name = self._names[text] = f"fairway_{self._number}"
        numbers = (f"${i}" for i in count(1))
        body = re.sub("%s", lambda _: next(numbers), text)
        self._fresh[text] = f"PREPARE {name} AS {body}"
        return name

    def _send(self, statements: Sequence[str]) -> list[Any]:
        self._pgconn.send_query("; ".join(statements).encode())
        self._flush()
        answers, failed = [], None
        while (result := self._next_result()) is not None:
            if result.status == pq.ExecStatus.TUPLES_OK:
                answers.append(_rows(result))
            elif result.status == pq.ExecStatus.FATAL_ERROR:
                failed = result
            else:
                answers.append(result.command_tuples)
        if failed is not None:
            raise errors.error_from_result(failed)
        if len(answers) < len(statements):
            raise errors.OperationalError("the connection ended before the last answer")
        return answers

    def check(self) -> None:
        """Read what came unasked, which tells of an end of the connection."""
        if self._poll.poll(0):
            self._pgconn.consume_input()

    def _flush(self) -> None:
        """Sending may have to wait until the server has read; without Python's lock."""
        while self._pgconn.flush():
            writable = select.poll()
            writable.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            events = writable.poll(_SILENCE_MS)
            if not events:
                raise errors.OperationalError("the server does not take what it is sent")
            if any(event & select.POLLIN for _, event in events):
                self._pgconn.consume_input()

    def _next_result(self) -> Any:
        pgconn = self._pgconn
        while pgconn.is_busy():
            if not self._poll.poll(_SILENCE_MS):
                raise errors.OperationalError("the server does not answer")
            pgconn.consume_input()
        return pgconn.get_result()

    def _literal(self, value: Any) -> str:
        if isinstance(value, int):
            return str(value)
        if isinstance(value, bytes):
            return f"'\\x{value.hex()}'"
        if value.isascii() and "'" not in value and "\\" not in value:
            return f"'{value}'"  # the names of channels, groups and nodes
        return str(self._escaping.escape_literal(value.encode()), "utf-8")


def _rows(result: Any) -> list[tuple[Any, ...]]:
    """A result's rows; ours hold integers, texts and bytes only."""
    kinds = [result.ftype(column) for column in range(result.nfields)]
    return [
        tuple(_value(kind, result.get_value(row, column)) for column, kind in enumerate(kinds))
        for row in range(result.ntuples)
    ]


def _value(kind: int, value: bytes | None) -> Any:
    if value is None:
        return None
    if kind in _INTEGERS:
        return int(value)
    if kind == _BYTES:
        return bytes.fromhex(str(value[2:], "ascii"))
    return str(value, "utf-8")
