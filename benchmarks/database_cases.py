"""The layers on databases: python -m benchmarks.database_cases [postgresql sqlite mariadb]

Not among the cases of ``python -m benchmarks``, which needs no database servers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console

from .case import Case
from .process_cases import two_process_cases
from .run import Effort, run
from .tables import show

_PUBSUB, _CORE, _PEER = "channels_redis.pubsub", "channels_redis.core", "channels_postgres"

_BARS = {
    "postgresql": {
        "specific": {_PEER: 15, _PUBSUB: 4},
        "normal": {_PEER: 15, _PUBSUB: 4},
        "fan-out-1000": {_CORE: 10},
        "latency:p50": {_PEER: 1.5},
    },
    "sqlite": {"specific": {_PUBSUB: 4}, "normal": {_PUBSUB: 4}},
    "mariadb": {"specific": {_PUBSUB: 1.5}, "normal": {_PUBSUB: 1.5}},
}
_MEASURED = ("specific", "normal", "fan-out-1000", "latency")


def cases(stores: Sequence[str]) -> list[Case]:
    """What is measured on each of these databases."""
    return [
        case
        for store in stores
        for case in two_process_cases(store, _BARS[store])
        if case.name.partition(".")[2] in _MEASURED
    ]


def main(stores: Sequence[str]) -> None:
    """Measure, and print a table for each database."""
    console = Console(width=180)
    for store in stores or list(_BARS):
        outcomes = run(cases([store]), Effort(rounds=3), lambda text: None)
        rows = [row for outcome in outcomes for row in outcome.rows()]
        show(console, store, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
