"""The layers on databases, and what is asked of ours beside theirs."""

from __future__ import annotations

from dataclasses import replace

from .case import Case
from .process_cases import two_process_cases

_PUBSUB, _CORE, _PEER = "channels_redis.pubsub", "channels_redis.core", "channels_postgres"

#: A peer's figure times this; with no peer, the figure itself.
_BARS: dict[str, dict[str, dict[str, float]]] = {
    "postgresql": {
        "specific": {_PEER: 15, _PUBSUB: 4},
        "normal": {_PEER: 15, _PUBSUB: 4},
        "fan-out-1000": {_CORE: 10},
        "latency:p50": {_PEER: 1.5},
    },
    "sqlite": {
        "specific": {_PUBSUB: 4},
        "normal": {_PUBSUB: 4},
        "latency:p50": {"": 3000},
    },
    "mariadb": {
        "specific": {_PUBSUB: 1.5},
        "normal": {_PUBSUB: 1.5},
        "latency:p50": {"": 10_000},
    },
    "mysql": {},
}

#: Those of the cases of two processes that say something new on a database.
_MEASURED = ("specific", "normal", "fan-out-1000", "latency", "group-add", "blocking")

#: channels_postgres drops what comes for a channel before somebody receives from it, so that
#: some of many members never get a group's message.
LOSES_MEMBERS = (_PEER,)

CASES: list[Case] = [
    replace(case, without=LOSES_MEMBERS) if "fan-out" in case.name else case
    for store, bars in _BARS.items()
    for case in two_process_cases(store, bars)
    if case.name.partition(".")[2] in _MEASURED
]
