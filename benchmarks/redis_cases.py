"""The layers on Redis, and what is asked of ours beside theirs."""

from __future__ import annotations

from dataclasses import replace

from .process_cases import two_process_cases


def _beside(core: float, pubsub: float) -> dict[str, float]:
    return {"channels_redis.core": core, "channels_redis.pubsub": pubsub}


#: The least that a single message's way takes; it can do nothing else.
_FLOOR = "bare"

_ALL = two_process_cases(
    "redis",
    {
        "specific": _beside(60, 15),
        "normal": _beside(60, 15),
        "fan-out-1000": _beside(25, 1.7),
        "latency:p50": _beside(0.25, 1.0),
        "group-latency:p50": _beside(0.1, 0.8),
        "async-to-sync:rate": _beside(3, 3),
        "async-to-sync:ratio": {"": 0.6},
        "blocking": _beside(8, 8),
        "blocking-16": _beside(15, 15),
    },
)

CASES = [
    case if case.name.endswith("latency") else replace(case, without=(*case.without, _FLOOR))
    for case in _ALL
]
