"""python -m benchmarks.conformance: what each layer keeps of the contract, ours and the peers'.

Each layer goes through the conformance kit on a fresh server: ours in one process, a peer in
one per case, so that what a case leaves behind spoils no other. A case that does not end, or
takes the process with it, is broken, and the rest go on in another process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import click

from fairway.conformance import all_cases
from fairway.conformance.case import PROMISES, Case

from . import django_settings  # noqa: F401  # finds a driver for MySQL
from .conformance_layers import COLUMNS
from .render import DOCS, between_markers
from .servers import servers_for

#: Seconds until a case counts as one that never ends.
LIMIT = 120.0

#: Whose versions are told.
_PACKAGES = ("channels", "channels-redis", "channels-postgres", "redis", "Django")

#: How a cell shows a case that a layer breaks because it has no such method.
_LACKS, _BROKEN = "lacks it", "✗"


@dataclass(frozen=True)
class Verdict:
    """How a case came out on a layer, and why it isn't "kept"."""

    verdict: str
    reason: str = ""

    @property
    def mark(self) -> str:
        """What the table of broken cases says of it."""
        if self.verdict != "broken":
            return ""
        return _LACKS if " has no " in self.reason else _BROKEN


Verdicts = dict[str, Verdict]


@click.command()
@click.option("--layers", default="", help="Only these, by name, separated by commas.")
@click.option("--write", is_flag=True, help="Put the tables into docs/conformance.md.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="A JSON file that remembers how it came out."
)
def main(layers: str, write: bool, keep: Path | None) -> None:
    """Run the conformance kit on every layer, and print the tables."""
    found = _remembered(keep)
    for name in layers.split(",") if layers else COLUMNS:
        if name not in COLUMNS:
            raise click.UsageError(f"no layer is named {name!r}: {', '.join(COLUMNS)}")
        found[name] = examine(name)
        _remember(keep, found)
    text = tables({name: found[name] for name in COLUMNS if name in found})
    click.echo(text)
    if write:
        page = DOCS / "conformance.md"
        page.write_text(between_markers(page.read_text(), "conformance", text))


def _remembered(keep: Path | None) -> dict[str, Verdicts]:
    if keep is None or not keep.exists():
        return {}
    return {
        layer: {case: Verdict(*verdict) for case, verdict in verdicts.items()}
        for layer, verdicts in json.loads(keep.read_text()).items()
    }


def _remember(keep: Path | None, found: dict[str, Verdicts]) -> None:
    if keep is not None:
        plain = {
            layer: {case: [v.verdict, v.reason] for case, v in verdicts.items()}
            for layer, verdicts in found.items()
        }
        keep.write_text(json.dumps(plain, indent=1))


# -- running ------------------------------------------------------------------------------


def examine(name: str) -> Verdicts:
    """Run every case on a layer, each told on standard error as it ends."""
    verdicts: Verdicts = {}
    names = [case.name for case in all_cases()]
    with servers_for(COLUMNS[name].store, 1) as servers:
        side = [sys.executable, "-m", "benchmarks.conformance_side", name, *(servers[:1] or [""])]
        while left := [case for case in names if case not in verdicts]:
            together = left[:1] if COLUMNS[name].apart else left
            for case, verdict in in_one_process([*side, *together], together):
                verdicts[case] = verdict
                click.echo(f"{name}: {case}: {verdict.verdict} {verdict.reason}", err=True)
    return verdicts


def in_one_process(
    command: Sequence[str], cases: Sequence[str], limit: float = LIMIT
) -> Iterator[tuple[str, Verdict]]:
    """The cases that one process gets through, the last of which may have been its end."""
    with _process(command) as process:
        for case in cases:
            line = _line(process, limit)
            if line is None:
                yield case, Verdict("broken", f"the case did not end in {limit:g} seconds")
                return
            if not line:
                yield case, Verdict("broken", "the case ended its process")
                return
            told = json.loads(line)
            yield told["case"], Verdict(told["verdict"], told["reason"])


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        bufsize=0, start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _line(process: subprocess.Popen[bytes], limit: float) -> bytes | None:
    """The next line, empty if the process ended; None if nothing comes in time."""
    if process.stdout is None:
        raise ValueError("the process has no pipe to read from")
    # The pipe has no buffer here, so that no line can hide in it.
    ready, _, _ = select.select([process.stdout], [], [], limit)
    return process.stdout.readline() if ready else None


# -- showing ------------------------------------------------------------------------------


def tables(found: dict[str, Verdicts]) -> str:
    """Kept of checked by promise, and below it what is broken, by case."""
    date = datetime.now(timezone.utc).date()
    versions = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"Found {date} with {versions}.\n\n{_summary(found)}\n\n{_broken(found)}"


def _summary(found: dict[str, Verdicts]) -> str:
    by_promise: dict[int, list[Case]] = defaultdict(list)
    for case in all_cases():
        by_promise[case.promise].append(case)
    rows = [
        (_title(promise), [_kept(verdicts, cases) for verdicts in found.values()])
        for promise, cases in by_promise.items()
    ]
    rows.append(("**all**", [_kept(verdicts, all_cases()) for verdicts in found.values()]))
    return _table(["promise", *found], rows)


def _title(promise: int) -> str:
    return f"{promise}. {PROMISES[promise]}" if promise else PROMISES[promise]


def _kept(verdicts: Verdicts, cases: Sequence[Case]) -> str:
    """ "3/5": kept, and checked; what is not applicable is left out."""
    came_out = [verdicts[case.name].verdict for case in cases if case.name in verdicts]
    checked = [verdict for verdict in came_out if verdict != "not applicable"]
    return f"{checked.count('kept')}/{len(checked)}"


def _broken(found: dict[str, Verdicts]) -> str:
    breakers = [name for name, verdicts in found.items() if any(v.mark for v in verdicts.values())]
    if not breakers:
        return "No promise is broken."
    rows = []
    for case in all_cases():
        marks = [found[name].get(case.name, Verdict("")).mark for name in breakers]
        if any(marks):
            rows.append((case.title.replace("|", "\\|"), marks))
    return _table(["broken", *breakers], rows)


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    lines = [head, ["---"] + [":-:"] * (len(head) - 1), *([title, *cells] for title, cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
