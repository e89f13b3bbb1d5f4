"""python -m benchmarks.codecs: how messages could become bytes, how fast, and how strictly.

Needs msgspec beside what the tests need: it is here to be compared.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

import msgpack
import msgspec
import ormsgpack

from fairway.codec import Codec

from .sheet import Sheet, publish

_SMALL = {"type": "chat.message", "text": "x" * 100}
_ROWS = [{"id": i, "name": f"user {i}", "score": i / 7, "tags": ["a", "b"]} for i in range(160)]
_LARGE = {"type": "table.update", "rows": _ROWS}
_SECONDS = 0.2
_ROUNDS = 7


class Coder(NamedTuple):
    name: str
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]


_codec = Codec()
_msgspec_pack, _msgspec_unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
_to_json = msgspec.json.Encoder().encode

CODERS = [
    Coder("fairway.codec (ormsgpack, checked)", _codec.encode, _codec.decode),
    Coder("ormsgpack", ormsgpack.packb, ormsgpack.unpackb),
    Coder("msgspec.msgpack", _msgspec_pack, _msgspec_unpack),
    Coder("msgpack", msgpack.packb, msgpack.unpackb),
    Coder("msgspec.json", _to_json, msgspec.json.decode),
    Coder("json", lambda value: json.dumps(value).encode(), json.loads),
]

#: What a message may not hold, or holds in vain if the codec makes something else of it.
_QUESTIONS = {
    "bytes": {"value": b"\xff"},
    "a datetime": {"value": datetime(2026, 1, 1, tzinfo=timezone.utc)},
    "an int as key": {1: "value"},
    "a set": {"value": {1}},
}


def sheets() -> Iterator[Sheet]:
    """What was found."""
    speeds: dict[str, list[float | str]] = {}
    for coder in CODERS:
        small, large = coder.pack(_SMALL), coder.pack(_LARGE)
        speeds[coder.name] = [
            _nanoseconds(coder.pack, _SMALL), _nanoseconds(coder.unpack, small), float(len(small)),
            _nanoseconds(coder.pack, _LARGE), _nanoseconds(coder.unpack, large), float(len(large)),
        ]  # fmt: skip
    heading = ["codec", "pack small, ns", "unpack", "bytes", "pack rows, ns", "unpack", "bytes"]
    yield Sheet("codecs", heading, speeds)
    answers: dict[str, list[float | str]] = {
        coder.name: [_what_becomes(coder, value) for value in _QUESTIONS.values()]
        for coder in CODERS
    }
    yield Sheet("strictness", ["what becomes of", *_QUESTIONS], answers)


def _nanoseconds(call: Callable[[Any], Any], value: Any) -> float:
    timer = timeit.Timer(lambda: call(value))
    number = max(1, int(_SECONDS / _ROUNDS / min(timer.repeat(3, 10)) * 10))
    return min(timer.repeat(_ROUNDS, number)) / number * 1e9


def _what_becomes(coder: Coder, value: Any) -> str:
    try:
        arrived = coder.unpack(coder.pack(value))
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}"
    return "kept" if arrived == value else f"`{arrived}`"


if __name__ == "__main__":
    publish(sheets())
