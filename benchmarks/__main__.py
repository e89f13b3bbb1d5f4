"""python -m benchmarks: measure, print tables, and keep the figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click
from rich.console import Console

from . import (
    database_cases,
    database_cost_cases,
    dev_cases,
    memory_cases,
    redis_cases,
    redis_shape_cases,
)
from .case import Case
from .results import Outcome, Report, describe_machine
from .run import Effort, run
from .tables import show

#: Columns where the tables go to a file or a pipe.
_WIDE = 180

CASES: list[Case] = [
    *memory_cases.CASES,
    *redis_cases.CASES,
    *redis_shape_cases.CASES,
    *database_cases.CASES,
    *database_cost_cases.CASES,
    *dev_cases.CASES,
]


@click.command()
@click.option("--only", default="", help="Cases whose names begin so: memory,redis.fan")
@click.option("--subjects", default="", help="Layers, by name, as in the tables.")
@click.option("--quick", is_flag=True, help="A few operations of each: does everything work?")
@click.option("--rounds", default=5, show_default=True, help="Rounds of each layer in each case.")
@click.option("--out", type=click.Path(path_type=Path), help="Write all figures to this JSON file.")
def main(only: str, subjects: str, quick: bool, rounds: int, out: Path | None) -> None:
    """Measure Fairway's layers beside their peers."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    progress = Console(stderr=True)
    effort = Effort(rounds=rounds, quick=quick)
    with progress.status("starting") as status:

        def say(text: str) -> None:
            status.update(text)
            if not progress.is_terminal:
                progress.print(text, highlight=False)

        outcomes = list(run(chosen(only), effort, say, _names(subjects)))
    report = Report([row for outcome in outcomes for row in outcome.rows()], describe_machine())
    for family, rows in groupby(report.rows, key=lambda row: row.family):
        show(console, family, list(rows))
    if out is not None:
        report.save(out)
    sys.exit(_tell_failures(console, outcomes))


def chosen(only: str) -> list[Case]:
    """The cases whose names begin with one of these, comma-separated; all if there are none."""
    beginnings = _names(only)
    cases = [c for c in CASES if not beginnings or c.name.startswith(tuple(beginnings))]
    if not cases:
        raise click.UsageError(f"no case begins with {only!r}: {', '.join(c.name for c in CASES)}")
    return cases


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _tell_failures(console: Console, outcomes: Sequence[Outcome]) -> int:
    failures = [(o.case.name, text) for o in outcomes for text in o.failures.values()]
    for case, text in failures:
        console.print(f"{case} failed for {text}", style="red", markup=False, highlight=False)
    return 1 if failures else 0


if __name__ == "__main__":
    main()
