"""What noxfile.py chooses from, and the table of what it ran: scripts/channels_matrix.py REPORT

REPORT is what `nox --report` wrote.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby, product
from pathlib import Path
from typing import NamedTuple

import environment
import interpreters
import say

CHANNELS = ["4.0", "4.1", "4.2", "4.3"]
#: Each Django, and the minor versions of Python that it says it supports.
DJANGO = {
    "4.2": range(8, 13),
    "5.0": range(10, 13),
    "5.1": range(10, 14),
    "5.2": range(10, 15),
    "6.0": range(12, 15),
    "6.1": range(12, 16),
}
REDIS = ["5", "6", "7", "8"]

VERSIONS = say.ROOT / ".venv-versions"


class Cell(NamedTuple):
    """One combination; Python by its minor version."""

    python: int
    channels: str
    django: str
    redis: str

    def __str__(self) -> str:
        return (
            f"Python 3.{self.python}, Channels {self.channels}, Django {self.django}, "
            f"redis-py {self.redis}"
        )


def main() -> None:
    if len(sys.argv) != 2:
        say.give_up("name the file that `nox --report` wrote")
    sessions = json.loads(Path(sys.argv[1]).read_text())["sessions"]
    results = {Cell(*ran["args"]["cell"]): ran["result"] == "success" for ran in sessions}
    print("\n".join(table(results)))


# -- choosing -----------------------------------------------------------------------------------


def cells() -> dict[Cell, list[str]]:
    """Every combination that this machine can run, with the tags of its session."""
    found = list(supported(interpreters.find()))
    corners = {min(found, key=age), max(found, key=age)}
    in_turn = {*corners, *on_pythons_in_turn(found)}
    tagged = {"corners": corners, "matrix": in_turn, "all": found}
    return {cell: [tag for tag, chosen in tagged.items() if cell in chosen] for cell in found}


def supported(minors: Iterable[int]) -> Iterator[Cell]:
    for cell in product(minors, CHANNELS, DJANGO, REDIS):
        if cell[0] in DJANGO[cell[2]]:
            yield Cell(*cell)


def age(cell: Cell) -> tuple[object, ...]:
    """Orders cells so that the oldest of everything comes first."""
    return list(DJANGO).index(cell.django), cell.channels, cell.redis, cell.python


def on_pythons_in_turn(cells: list[Cell]) -> Iterator[Cell]:
    """One cell for all that can be chosen besides Python."""
    by_rest = groupby(sorted(cells, key=lambda cell: cell[1:]), key=lambda cell: cell[1:])
    for turn, (_, same) in enumerate(by_rest):
        on = list(same)
        # One further with every Django, or each redis-py would always meet the same.
        yield on[(turn + turn // len(REDIS)) % len(on)]


# -- installing ---------------------------------------------------------------------------------


@cache
def environment_on(minor: int) -> Path:
    """The Python of the environment that all cells of a Python share."""
    ours = minor == sys.version_info[1]
    folder = environment.DEFAULT if ours else say.ROOT / f".venv-3.{minor}"
    return environment.ensure(folder, interpreters.find()[minor], "test-channels")


def path(cell: Cell) -> str:
    """The folders of a cell's libraries, for PYTHONPATH."""
    chosen = {"channels": cell.channels, "Django": cell.django, "redis": cell.redis}
    return os.pathsep.join(str(library(*each)) for each in chosen.items())


def library(name: str, version: str) -> Path:
    """The folder of one version."""
    folder = VERSIONS / f"{name.lower()}-{version}"
    stamp = folder / "installed"
    if not stamp.exists():
        say.step(f"installing {name} {version} into {folder.parent.name}")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        # Django 6 doesn't install on the Python of this script, yet runs on another one.
        options = ["--ignore-requires-python", "--upgrade", "--target", str(folder)]
        # What they need is in each environment, in the version that its Python takes.
        alone = ["--no-deps"] if name in ("channels", "Django") else []
        say.run([*pip, *options, *alone, f"{name}=={version}.*"])
        stamp.touch()
    return folder


# -- the table ----------------------------------------------------------------------------------


def table(passed: dict[Cell, bool]) -> Iterator[str]:
    """A row for each Channels, a column for each Django: Pythons, and redis-py after a +."""
    yield "| Channels | " + " | ".join(f"Django {django}" for django in DJANGO) + " |"
    yield "|---" * (1 + len(DJANGO)) + "|"
    for channels in CHANNELS:
        columns = [entry(passed, channels, django) for django in DJANGO]
        yield f"| {channels} | " + " | ".join(columns) + " |"


def entry(passed: dict[Cell, bool], channels: str, django: str) -> str:
    marks = {True: "", False: " **fails**"}
    return ", ".join(
        f"3.{cell.python}+{cell.redis}{marks[succeeded]}"
        for cell, succeeded in sorted(passed.items())
        if (cell.channels, cell.django) == (channels, django)
    )


if __name__ == "__main__":
    main()
